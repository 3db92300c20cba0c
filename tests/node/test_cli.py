"""The command as its user meets it: exit statuses, sentences, status."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ptm_node.runtimes.fake import FakeEngine

from tests.node.command import complaint
from tests.node.conftest import StartDaemon
from tests.node.fake_protocol import KEY
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, waits_for, write_config


def ptm_node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ptm_node", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )


def failed(exit_code: int, *arguments: str) -> str:
    return complaint(exit_code, ptm_node(*arguments))


def test_init_says_what_comes_next(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    arguments = ["--server", server.url, "--code", "ptme_good", "--config", str(path)]
    done = ptm_node("init", *arguments)
    assert done.returncode == 0, done.stderr
    assert "node 7 of Maastro" in done.stdout
    assert f"ptm-node run --config {path}" in done.stdout
    assert (tmp_path / "node.key").read_text().strip() not in done.stdout
    failed(2, "init", *arguments)


def test_a_refused_code_is_status_3(server: FakeServer, tmp_path: Path) -> None:
    path = str(tmp_path / "node.toml")
    arguments = ["--server", server.url, "--code", "ptme_bad", "--config", path]
    assert "enrolment_refused" in failed(3, "init", *arguments)


def test_a_server_that_does_not_answer_is_status_1(tmp_path: Path) -> None:
    path = str(tmp_path / "node.toml")
    arguments = ["--server", "http://127.0.0.1:9", "--code", "x", "--config", path]
    failed(1, "init", *arguments)


def test_a_configuration_with_a_mistake_is_status_2(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text("[server]\nurl = 3\n")
    assert "server.url" in failed(2, "run", "--config", str(path))
    assert "server.url" in failed(2, "status", "--config", str(path))


def test_an_unknown_key_is_status_3(server: FakeServer, tmp_path: Path) -> None:
    server.fail("POST .*/hello/", "401", code="not_authenticated")
    path = write_config(tmp_path, server.url)
    done = ptm_node("run", "--config", str(path))
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ptm-node: the server does not accept this node's key")
    assert KEY not in done.stderr


def test_a_state_folder_in_use_is_status_4(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, tmp_path: Path
) -> None:
    start()
    done = ptm_node("run", "--config", str(tmp_path / "node.toml"))
    assert done.returncode == 4
    assert "another daemon" in done.stderr.splitlines()[-1]


@pytest.fixture
def busy(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, tmp_path: Path
) -> Path:
    """The configuration of a daemon that runs and holds one run."""
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "running")
    eventually(lambda: daemon.journal()[0].container)
    return tmp_path / "node.toml"


def test_status_for_programs(busy: Path) -> None:
    done = ptm_node("status", "--config", str(busy), "--json")
    status = json.loads(done.stdout)
    assert status["running"] is True
    assert (status["node"], status["organization"]) == (7, "Maastro")
    assert status["paused"] == ""
    assert status["last_contact"]
    (held,) = status["held"]
    assert (held["run"], held["attempt"], held["phase"]) == (1, 1, "started")
    assert held["image"] == IMAGE


def test_status_for_people(busy: Path) -> None:
    said = ptm_node("status", "--config", str(busy)).stdout
    assert "daemon        runs" in said
    assert "run 1 (attempt 1) of task 'a task': started" in said
    assert KEY not in said


def test_status_of_a_node_whose_engine_is_away(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, tmp_path: Path
) -> None:
    engine.switch(up=False)
    daemon = start()
    server.wait(lambda: server.claims)
    path = str(tmp_path / "node.toml")
    said = ptm_node("status", "--config", path).stdout
    assert "takes work    no: the container engine does not answer" in said
    daemon.drain()
    daemon.join()
    said = ptm_node("status", "--config", path).stdout
    assert "daemon        does not run" in said


def test_status_before_the_first_start(tmp_path: Path) -> None:
    path = write_config(tmp_path, "http://localhost")
    assert "never ran" in failed(2, "status", "--config", str(path))
    assert not (tmp_path / "state").exists()
