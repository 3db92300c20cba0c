"""A server on a loopback port that keeps its files in one folder."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tools.rig.errors import RigError
from tools.rig.process import Process, port_taken, wait_until

PORT_SECONDS = 5


class Service(ABC):
    """Subclasses say how to prepare the process and when it answers."""

    taken_advice = ""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RigError(f"{type(self).__name__} was never started.")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def start(self) -> Self:
        """Return when it answers; a stopped one may be started again."""
        if port_taken(self.port):
            taken = f"Port {self.port} is taken by another program"
            raise RigError(f"{taken}{self.taken_advice}.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = self._prepare().start()
        try:
            self._process.wait_ready(self._answers)
            self._complete()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would; return when its port is free again."""
        if self._process is not None:
            self._process.kill()
            wait_until(lambda: not port_taken(self.port), PORT_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> Process:
        """Write what it needs into the folder."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it takes requests."""

    def _complete(self) -> None:  # noqa: B027 (most have nothing to add)
        """What can only be done once it answers."""
