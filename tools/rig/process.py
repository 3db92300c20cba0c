"""Programs that live exactly as long as the block that needs them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from tools.rig.errors import RigError

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
LOG_LINES_SHOWN = 10
# Debian keeps daemons here, which is not on every user's path.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def find_program(name: str) -> str:
    """The full path of an installed program."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise RigError(f"{name} is not installed; run `make setup`.")
    return found


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_setting(name: str, default: int) -> int:
    """The port that an environment variable names."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise RigError(f"{name} is {text!r}, which is not a port number.")
    return int(text)


def port_taken(port: int) -> bool:
    """Whether a program listens on this loopback port."""
    with socket.socket() as probe:
        # As servers do: a connection that has just ended does not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Whether `true()` became true within the time: for what announces nothing."""
    deadline = time.monotonic() + seconds
    pauses = growing_pauses()
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(next(pauses))
    return True


def growing_pauses() -> Iterator[float]:
    """Between one look and the next: looking, too, takes from what is waited for."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE)


def as_user(user: str | None, *options: str) -> list[str]:
    """The start of a command that runs as `user`, or as we do."""
    launcher = [find_program("setpriv"), *options]
    if user is not None:
        launcher += ["--reuid", user, "--regid", user, "--init-groups"]
        # Its folder may lie below a home that only root may enter.
        launcher += ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    return [*launcher, "--"]


class Process:
    """A child with a log file, ended by its process id and by nothing else.

    The kernel sends it `stop_signal` when this program dies in any way. It does
    the same when the *thread* that called `start` ends, so start it from a thread
    that outlives it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = env
        self.cwd = cwd
        self.user = user
        self.stop_signal = stop_signal
        self.stop_timeout = stop_timeout
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start it; a second start after its end is allowed."""
        if self.alive:
            raise RigError(f"{self.name} runs already.")
        program = [find_program(self.command[0]), *self.command[1:]]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*self._launcher(), *program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                # Ctrl-C reaches us alone, so that we end the children in order.
                process_group=0,
            )
        return self

    def wait_ready(self, ready: Callable[[], bool], timeout: float = 120.0) -> None:
        """Return once `ready()` is true; explain with the log if that never is."""
        deadline = time.monotonic() + timeout
        pauses = growing_pauses()
        while not ready():
            if not self.alive:
                status = self._started().returncode
                raise RigError(self._explain(f"ended at its start (status {status})"))
            if time.monotonic() > deadline:
                raise RigError(self._explain(f"was not ready after {timeout:g} s"))
            time.sleep(next(pauses))

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it ends by itself."""
        try:
            return self._started().wait(timeout)
        except subprocess.TimeoutExpired:
            raise RigError(self._explain(f"still ran after {timeout:g} s")) from None

    def kill(self) -> None:
        """End it at once, with what it started in its process group."""
        child = self._started()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def stop(self) -> None:
        """Ask it to end, wait, and insist in the end."""
        if self._child is None or not self.alive:
            return
        self._child.send_signal(self.stop_signal)
        try:
            self._child.wait(self.stop_timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        return self if self.alive else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RigError(f"{self.name} was never started.")
        return self._child

    def _launcher(self) -> list[str]:
        """setpriv replaces itself by the program, so the process id is the same."""
        signal_name = self.stop_signal.name.removeprefix("SIG")
        return as_user(self.user, "--pdeathsig", signal_name)

    def _explain(self, what: str) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        last = [f"  {line}" for line in text.splitlines()[-LOG_LINES_SHOWN:]]
        return "\n".join([f"{self.name} {what}; its log is {self.log}.", *last])


@contextlib.contextmanager
def sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM leave the block like an exception, so that everything is ended."""

    def unwind(number: int, frame: FrameType | None) -> None:
        # A second one must not interrupt the tidying up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
