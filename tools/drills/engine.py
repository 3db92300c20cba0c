"""A Docker engine of a drill's own, which can die under its containers."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import docker

from tools.drills.network import Network
from tools.drills.root import command
from tools.rig.engine import START_SECONDS, engine_answers
from tools.rig.process import Process

PROCESSES = Path("/proc")
STOP_SECONDS = 30.0


class Engine:
    """Docker and its containerd, as two services of an operating system run them.

    They live in a network of their own, where they cannot meet the machine's.
    """

    def __init__(self, network: Network, logs: Path) -> None:
        # A path to a socket may have 107 bytes, and the drills' own folder may be deep.
        self._folder = Path(tempfile.mkdtemp(prefix="ptm-drill-"))
        self._settings = self._folder / "daemon.json"
        self._containerd = Process(
            "The drills' containerd",
            [*network.inside, "containerd", *_options(self._places_of_containerd)],
            log=logs / "containerd.log",
        )
        self._docker = Process(
            "The drills' Docker engine",
            [*network.inside, "dockerd", *_options(self._places)],
            log=logs / "dockerd.log",
            stop_timeout=STOP_SECONDS,
        )

    @property
    def address(self) -> str:
        return f"unix://{self._folder / 'docker.sock'}"

    @property
    def alive(self) -> bool:
        return self._docker.alive

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.address)

    def start(self, *, containers_outlive_it: bool = False) -> None:
        """Return when it answers."""
        self._settings.write_text(json.dumps({"live-restore": containers_outlive_it}))
        # One that was killed left its number, which may be another program's now.
        self._pid_file.unlink(missing_ok=True)
        if not self._containerd.alive:
            self._containerd.start()
            self._containerd.wait_ready(self._containers.is_socket)
        self._docker.start()
        self._docker.wait_ready(
            lambda: engine_answers(self._folder / "docker.sock"), START_SECONDS
        )

    def stop(self) -> None:
        """As an operator does: it ends its containers first."""
        self._docker.stop()

    def kill(self) -> None:
        """Itself alone: its containers run on, and it does not see how they end."""
        self._docker.kill()

    def lose_power(self) -> None:
        """It dies with all of its containers, and nobody has seen how they ended."""
        self._docker.kill()
        self._containerd.kill()
        self._containers.unlink()
        for shim in self._shims():
            inside = list(_descendants(shim))
            for process in (shim, *inside):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.alive:
            self.start()  # only it can tidy up after one that was killed
        self._docker.stop()
        self._containerd.stop()
        for place in reversed(list(_mounted_below(self._folder))):
            command("umount", "--lazy", place)
        shutil.rmtree(self._folder)

    @property
    def _pid_file(self) -> Path:
        return self._folder / "docker.pid"

    @property
    def _containers(self) -> Path:
        return self._folder / "containerd.sock"

    @property
    def _places(self) -> Mapping[str, object]:
        return {
            "host": self.address,
            "containerd": self._containers,
            "data-root": self._folder / "data",
            "exec-root": self._folder / "run",
            "pidfile": self._pid_file,
            "config-file": self._settings,
            "bridge": "none",
        }

    @property
    def _places_of_containerd(self) -> Mapping[str, object]:
        return {
            "config": "/dev/null",  # not the machine's
            "address": self._containers,
            "root": self._folder / "containerd",
            "state": self._folder / "tasks",
        }

    def _shims(self) -> Iterator[int]:
        """The processes that hold a container of this engine each."""
        for place in PROCESSES.glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = place.read_text().split("\0")
                if "containerd-shim" in words[0] and str(self._containers) in words:
                    yield int(place.parent.name)


def _descendants(process: int) -> Iterator[int]:
    for place in PROCESSES.glob(f"{process}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, place.read_text().split()):
                yield child
                yield from _descendants(child)


def _options(places: Mapping[str, object]) -> list[str]:
    return [f"--{name}={place}" for name, place in places.items()]


def _mounted_below(folder: Path) -> Iterator[str]:
    for line in (PROCESSES / "mounts").read_text().splitlines():
        place = line.split(" ")[1]
        if Path(place).is_relative_to(folder):
            yield place
