"""The engine that answers is used; another one is started only for its block."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tools.rig.engine import docker_engine, engine_answers, remove_stale_pid_file
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.process import Process

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts an engine")
# A machine of its own, as far as Docker can see: no engine, no images, no network.
BARE_MACHINE = [
    *("unshare", "--mount", "--net", "sh", "-ec"),
    'mount -t tmpfs none /run; mkdir -p "$2"; mount --bind "$2" /var/lib/docker; '
    'exec "$0" -c "$1" "$3"',
]
USE_ENGINE = """
import sys
from pathlib import Path
from tools.rig.engine import docker_engine
with docker_engine(Path(sys.argv[1])) as client:
    print(Path("/run/docker.pid").read_text(), len(client.images.list()), flush=True)
    sys.stdin.readline()
"""


def on_a_bare_machine(place: Path) -> tuple[subprocess.Popen[str], int]:
    """A program that uses an engine until it reads a line; the engine's number."""
    store, logs = str(place / "store"), str(place / "logs")
    program = subprocess.Popen(
        [*BARE_MACHINE, sys.executable, USE_ENGINE, store, logs],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    pid, images = program.stdout.readline().split()
    assert images == "0"
    return program, int(pid)


@pytest.mark.docker
def test_the_engine_that_answers_is_used_and_left_running(
    engine: docker.DockerClient,
) -> None:
    with docker_engine() as client:
        assert client.info()["ID"] == engine.info()["ID"]
    assert engine_answers()


@as_root
@pytest.mark.docker
def test_an_engine_is_started_where_none_answers_and_ends_with_its_block(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    program, pid = on_a_bare_machine(tmp_path)
    assert Path(f"/proc/{pid}/comm").read_text() == "dockerd\n"
    with program:
        program.communicate("\n", timeout=60)
    assert program.returncode == 0
    assert ends(pid)
    assert "Daemon shutdown complete" in (tmp_path / "logs/dockerd.log").read_text()


@as_root
@pytest.mark.docker
def test_a_started_engine_dies_with_the_program_that_started_it(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    program, pid = on_a_bare_machine(tmp_path)
    with program:
        program.kill()
    assert program.returncode == -signal.SIGKILL
    assert ends(pid)


def test_without_an_engine_and_without_root_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    socket = tmp_path / "docker.sock"
    with pytest.raises(RigError) as caught, docker_engine(socket=socket):
        pytest.fail("there is no engine")
    assert str(caught.value) == (
        f"No Docker engine answers at {socket}, and only root may start one: "
        "start Docker, or join the group that may use it."
    )


def test_the_pid_file_of_a_dead_engine_is_removed(tmp_path: Path) -> None:
    with Process("Dead", ["true"], log=tmp_path / "log") as dead:
        dead.wait()
    file = tmp_path / "docker.pid"
    file.write_text(str(dead.pid))
    remove_stale_pid_file(file)
    assert not file.exists()


def test_a_pid_file_whose_number_another_program_has_is_removed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(str(os.getpid()))
    remove_stale_pid_file(file)
    assert not file.exists()


def test_the_pid_file_of_a_living_engine_stays(tmp_path: Path) -> None:
    program = tmp_path / "dockerd"
    program.symlink_to("/bin/sleep")
    living = Process("Living", [str(program), "infinity"], log=tmp_path / "log")
    file = tmp_path / "docker.pid"
    with living:
        name = Path(f"/proc/{living.pid}/comm")
        living.wait_ready(lambda: name.read_text() == "dockerd\n")
        file.write_text(str(living.pid))
        remove_stale_pid_file(file)
    assert file.read_text() == str(living.pid)


def test_no_pid_file_is_fine(tmp_path: Path) -> None:
    remove_stale_pid_file(tmp_path / "docker.pid")
    assert list(tmp_path.iterdir()) == []
