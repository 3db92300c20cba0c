"""A site says when nothing new begins: by the hour, or by `ptm-node pause`."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from ptm_node.hours import Span, quiet_until
from ptm_node.runtimes.fake import FakeEngine

from tests.node.command import failed, ptm_node
from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, waits_for

ALWAYS = ["00:00-12:00", "12:00-00:00"]


@pytest.mark.parametrize(
    ("span", "time", "until"),
    [
        ("08:00-18:00", "07:59", None),
        ("08:00-18:00", "08:00", "18:00"),
        ("08:00-18:00", "17:59", "18:00"),
        ("08:00-18:00", "18:00", None),
        ("22:00-06:30", "23:00", "06:30"),
        ("22:00-06:30", "06:29", "06:30"),
        ("22:00-06:30", "06:30", None),
        ("22:00-06:30", "12:00", None),
        ("12:00-00:00", "23:59", "00:00"),
    ],
)
def test_quiet_hours_may_pass_midnight(span: str, time: str, until: str | None) -> None:
    moment = datetime.fromisoformat(f"2026-03-01T{time}")
    assert quiet_until((Span(span),), moment) == until


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., str]:
    def said(command: str, *arguments: str) -> str:
        config = str(tmp_path / "node.toml")
        done = ptm_node(command, "--config", config, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return said


def rests(server: FakeServer) -> bool:
    """Whether the node asked for no work, though it could do some."""
    return bool(server.claims) and server.claims[-1]["capacity"] == 0


def test_in_quiet_hours_nothing_is_claimed(
    server: FakeServer, start: StartDaemon, said: Callable[..., str]
) -> None:
    start(policy={"quiet_hours": ALWAYS})
    run = server.add_run(IMAGE)
    server.wait(lambda: rests(server))
    assert run.status == "queued"
    assert "takes work    no: quiet hours until " in said("status")


def test_a_paused_node_begins_nothing_and_ends_what_runs(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    said: Callable[..., str],
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start()
    first = server.wait_status(server.add_run(IMAGE), "running")
    said("pause", "--reason", "backup")
    server.wait(lambda: rests(server))
    second = server.add_run(IMAGE)
    released.set()
    server.wait_status(first, "completed")
    assert second.status == "queued"
    assert "takes work    no: paused: backup" in said("status")
    said("resume")
    server.wait_status(second, "completed")


def test_a_pause_outlives_the_daemon(
    server: FakeServer, start: StartDaemon, said: Callable[..., str]
) -> None:
    first = start()
    eventually(lambda: server.claims)
    first.drain()
    first.join()
    said("pause")
    server.claims.clear()
    start()
    run = server.add_run(IMAGE)
    server.wait(lambda: rests(server))
    assert run.status == "queued"
    assert "takes work    no: paused: by the operator" in said("status")


def test_a_node_that_never_ran_cannot_be_paused(
    server: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "node.toml"
    path.write_text(f'[server]\nurl = "{server.url}"\n[node]\nname = "x"\n')
    assert "never ran" in failed(2, "pause", "--config", str(path))
