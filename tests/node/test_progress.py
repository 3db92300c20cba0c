"""Bars on a terminal; without one, log lines and not a byte of the library."""

import contextlib
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import docker
import pytest
from ptm_node.progress import bars
from ptm_node.runtimes.docker_pull import _note
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, write_config, writes
from tests.node.process import DaemonProcess


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.ended: list[str] = []

    def tell(self, what: str, done: int, total: int) -> None:
        self.steps.append((what, done, total))

    def end(self, what: str) -> None:
        self.ended.append(what)


def test_an_upload_tells_each_chunk_and_its_end(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told()
    monkeypatch.setattr("ptm_node.agent.Silent", lambda: told)
    monkeypatch.setattr("ptm_node.uploads.LARGEST", 4 << 20)
    engine.present[IMAGE] = writes(b"x" * (9 << 20))
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")
    wait_until_clean(daemon)
    name = "result of run 1-1"
    assert [step[0] for step in told.steps] == [name] * 3
    assert [done >> 20 for _, done, _ in told.steps] == [4, 8, 9]
    assert told.ended == [name]


def test_layers_of_a_pull_add_up() -> None:
    layers: dict[str, tuple[int, int]] = {}
    half = {"current": 5, "total": 10}
    for line in (
        {"status": "Pulling from ptm/x", "id": "latest"},
        {"status": "Downloading", "id": "a", "progressDetail": half},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 1}},
        {"status": "Downloading", "id": "c", "progressDetail": half},
        {"status": "Download complete", "id": "a", "progressDetail": {}},
        {"status": "Extracting", "id": "a", "progressDetail": half},
        {"status": "Download complete", "id": "z"},
    ):
        _note(layers, line)
    assert layers == {"a": (10, 10), "c": (5, 10)}


def test_bars_show_how_far_something_is(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = pty.openpty()
    with os.fdopen(far, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        with bars() as progress:
            progress.tell("pull [x]\x1b]0;y", 5 << 20, 10 << 20)
    drawn = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody holds
        while piece := os.read(near, 1 << 16):
            drawn += piece
    os.close(near)
    said = drawn.decode()
    assert "pull [x]\\x1b]0;y" in said
    assert "5.2/10.5 MB" in said


@pytest.mark.docker
def test_a_daemon_on_a_terminal_shows_its_log_and_ends(
    server: FakeServer, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    path = write_config(tmp_path, server.url)
    near, far = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while piece := os.read(near, 4096):
                shown.extend(piece)
        except OSError:  # the terminal is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "ptm_node", "run", "--config", str(path)]
    with subprocess.Popen(command, stderr=far) as daemon:
        os.close(far)
        server.wait(lambda: server.sockets)
        daemon.terminate()
        assert daemon.wait(30) == 0
    reader.join(10)
    os.close(near)
    assert b"serving Maastro as node 7" in shown


def test_the_library_is_not_loaded_without_a_terminal() -> None:
    parts = "ptm_node.cli, ptm_node.agent, ptm_node.progress, ptm_node.runtimes.docker"
    script = f"import sys, {parts}; print('rich' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.docker
def test_a_daemon_without_a_terminal_stays_small(
    server: FakeServer, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    with DaemonProcess(tmp_path, server) as daemon:
        server.wait(lambda: server.sockets)
        assert daemon.resident_megabytes() <= 60
        daemon.terminate()
        assert daemon.ended() == 0
    log = daemon.log.read_text()
    assert "serving Maastro as node 7" in log
    assert "\x1b" not in log
