"""The folder in which a daemon keeps what it must not forget, and who uses it now."""

import fcntl
import os
import select
import signal
from contextlib import suppress
from pathlib import Path
from typing import IO

from ptm_node.errors import OutOfReach, StateInUse

# Tells a daemon that a command beside it changed something.
HEED = signal.SIGUSR1


def take_state(state: Path) -> IO[bytes]:
    """Makes sure that one daemon at most uses a state folder, and says which."""
    lock = _lock(state)
    if lock is None:
        raise StateInUse(f"{state}: another daemon works with this folder")
    lock.truncate(0)
    lock.write(f"{os.getpid()} {_numbering()}".encode())
    lock.flush()
    return lock


def is_used(state: Path) -> bool:
    """Whether a daemon uses the folder."""
    lock = _lock(state)
    if lock is not None:
        lock.close()
    return lock is None


def tell(state: Path, what: signal.Signals) -> bool:
    """Sends a signal to the daemon; whether there is one within reach.

    One in a container, or out of it, hears what changed when it looks by itself.
    """
    process = None
    with suppress(OutOfReach):
        process = _daemon_of(state)
    if process is None:
        return False
    os.kill(process, what)
    return True


def end(state: Path, *signals: signal.Signals, seconds: float | None) -> bool:
    """Sends signals to the daemon and waits until it has ended; whether it has.

    The process is held by a descriptor: should it end, its number may be another's.
    Raises OutOfReach.
    """
    process = _daemon_of(state)
    if process is None:
        return True
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        if _daemon_of(state) != process:
            return True
        for each in signals:
            signal.pidfd_send_signal(descriptor, each)
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    return bool(ended)


def _daemon_of(state: Path) -> int | None:
    """The process that uses the folder, if one does. Raises OutOfReach.

    A number that another container gave is that of some other process here.
    """
    if not is_used(state):
        return None
    process, _, numbering = (state / "lock").read_text().partition(" ")
    if numbering and (ours := _numbering()) and numbering != ours:
        raise OutOfReach("the daemon is in a container: give this command in there")
    return int(process or 0) or None


def _numbering() -> str:
    """Among which processes a process has its number; empty if /proc is covered."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _lock(state: Path) -> IO[bytes] | None:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (state / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
