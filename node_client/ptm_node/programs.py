"""Programs of the node's own: each reads one order, gives one answer and ends.

What hangs, leaks or crashes there does not harm the daemon.
"""

import subprocess
import sys
import threading
from typing import NamedTuple

import msgspec
from msgspec import Struct

from ptm_node.errors import DaemonLeaving
from ptm_node.life import Life


class Said(NamedTuple):
    """An answer; empty if the program ended without one."""

    answer: bytes
    too_late: bool = False


class Programs:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        life.on_leaving(self._end_all)

    def run(self, module: str, order: Struct, seconds: float) -> Said:
        """Hands the order over and returns what is said within the time.

        Raises DaemonLeaving.
        """
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command(module),
            stdin=pipe,
            stdout=pipe,
            # What a driver prints could hold what nobody may read.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            with self._lock:
                self._running.add(process)
            try:
                if self._life.leaving.is_set():
                    self._end_all()
                return self._talk(process, order, seconds)
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process)

    def _talk(
        self, process: subprocess.Popen[bytes], order: Struct, seconds: float
    ) -> Said:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
            said = process.stdout.read()
        except BrokenPipeError:
            said = b""
        finally:
            timer.cancel()
        if self._life.leaving.is_set():
            raise DaemonLeaving("the daemon leaves")
        return Said(said, not said and late.is_set())

    def _end_all(self) -> None:
        with self._lock:
            for process in self._running:
                process.kill()


def command(module: str) -> list[str]:
    return [sys.executable, "-m", module]
