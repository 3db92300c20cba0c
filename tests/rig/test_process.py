"""Children live as long as their block, and no longer than their parent."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.process import Process, free_port, port_taken, sigterm_unwinds

FOREVER = ["sleep", "infinity"]
# Starts two children that write their names when they are asked to end.
PARENT = """
import signal, sys
from pathlib import Path
from tools.rig.process import Process, sigterm_unwinds
place = Path(sys.argv[1])
CHILD = '''
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
with pathlib.Path(sys.argv[2]).open("a") as file:
    file.write(sys.argv[1] + " ")
'''
def child(name):
    log = place / (name + ".log")
    command = [sys.executable, "-c", CHILD, name, str(place / "order")]
    process = Process(name, command, log=log).start()
    process.wait_ready(lambda: "ready" in log.read_text())
    return process
with sigterm_unwinds(), child("first") as first, child("second") as second:
    print(first.pid, second.pid, flush=True)
    signal.pause()
"""


def start_parent(place: Path) -> tuple[subprocess.Popen[str], list[int]]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(place)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, [int(pid) for pid in parent.stdout.readline().split()]


def close(parent: subprocess.Popen[str]) -> int:
    with parent:
        return parent.wait(20)


def test_a_port_is_taken_while_someone_listens() -> None:
    port = free_port()
    assert not port_taken(port)
    with socket.create_server(("127.0.0.1", port)):
        assert port_taken(port)
    assert not port_taken(port)


def test_the_end_of_the_block_ends_the_child(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    with Process("Sleeper", FOREVER, log=tmp_path / "log") as sleeper:
        assert sleeper.alive
    assert ends(sleeper.pid)


def test_an_exception_ends_the_child(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    sleeper = Process("Sleeper", FOREVER, log=tmp_path / "log")
    with pytest.raises(ZeroDivisionError), sleeper:
        _ = 1 / 0
    assert ends(sleeper.pid)


def test_a_child_that_will_not_end_is_killed_with_its_own_children(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    log = tmp_path / "log"
    script = "trap '' TERM; sleep infinity & echo $!; wait"
    command = ["sh", "-c", script]
    with Process("Stubborn", command, log=log, stop_timeout=0.1) as stubborn:
        stubborn.wait_ready(lambda: log.read_text().endswith("\n"))
        grandchild = int(log.read_text())
    assert ends(stubborn.pid)
    assert ends(grandchild)


def test_a_child_that_fails_at_its_start_is_explained_with_its_log(
    tmp_path: Path,
) -> None:
    command = ["sh", "-c", "echo the disk is full; exit 3"]
    broken = Process("Broken", command, log=tmp_path / "log").start()
    with pytest.raises(RigError) as caught:
        broken.wait_ready(lambda: False)
    first, *rest = str(caught.value).splitlines()
    log = tmp_path / "log"
    assert first == f"Broken ended at its start (status 3); its log is {log}."
    assert rest == ["  the disk is full"]


def test_a_child_that_never_gets_ready_is_explained(tmp_path: Path) -> None:
    with (
        Process("Slow", FOREVER, log=tmp_path / "log") as slow,
        pytest.raises(RigError, match=r"^Slow was not ready after 0\.1 s; its log"),
    ):
        slow.wait_ready(lambda: False, timeout=0.1)


def test_a_missing_program_is_said_in_one_sentence(tmp_path: Path) -> None:
    ghost = Process("Ghost", ["no-such-program"], log=tmp_path / "log")
    with pytest.raises(RigError) as caught:
        ghost.start()
    assert str(caught.value) == "no-such-program is not installed; run `make setup`."


def test_a_stopped_child_can_be_started_again(tmp_path: Path) -> None:
    sleeper = Process("Sleeper", FOREVER, log=tmp_path / "log")
    with sleeper:
        first = sleeper.pid
        with pytest.raises(RigError, match=r"^Sleeper runs already\.$"):
            sleeper.start()
    with sleeper:
        assert sleeper.alive
        assert sleeper.pid != first


def test_children_die_when_their_parent_is_killed(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    parent, children = start_parent(tmp_path)
    parent.kill()
    assert close(parent) == -signal.SIGKILL
    assert len(children) == 2
    assert all(ends(pid) for pid in children)


def test_sigterm_ends_the_children_in_reverse_order(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    parent, children = start_parent(tmp_path)
    parent.terminate()
    assert close(parent) == 128 + signal.SIGTERM
    assert len(children) == 2
    assert all(ends(pid) for pid in children)
    assert (tmp_path / "order").read_text() == "second first "


def test_sigterm_is_as_it_was_after_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, sigterm_unwinds():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
