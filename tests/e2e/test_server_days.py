"""The server goes away while a container runs, and comes back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST
from tools.rig.platform import Platform
from tools.rig.server import Server


def upgrade(server: Server) -> None:
    """As docs/upgrades.md has it; the database is of an older version until then."""
    server.stop()
    server.manage("migrate", "nodes", "0003")
    server.manage("migrate")


@pytest.mark.parametrize("end", [Server.stop, Server.kill, upgrade])
def test_a_run_survives_a_restart_of_the_server(
    platform: Platform,
    west: MakeNode,
    researcher: Researcher,
    end: Callable[[Server], None],
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=2)
    researcher.until(task, "running")
    end(platform.server)
    platform.server.start()
    run = researcher.completed_once(task)
    assert moves(run) == ["claimed", "preparing", "running", "completed"]
    assert node.starts(run) == 1
    node.assert_done()


def test_a_result_that_was_made_while_the_server_was_down_arrives_later(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=2)
    run = researcher.until(task, "running")
    platform.server.kill()
    node.await_event("die", run)
    node.await_event("destroy", run)
    [held] = node.journal()["held"]
    assert (held["run"], held["phase"]) == (run["id"], "spooled")
    platform.server.start()
    run = researcher.completed_once(task)
    assert node.starts(run) == 1
    node.assert_done()


def test_a_server_put_back_from_a_copy_takes_nothing_for_what_it_is_not(
    platform: Platform, west: MakeNode, researcher: Researcher, tmp_path: Path
) -> None:
    """The copy gives numbers of runs again, and knows an older start of the node."""
    server, node = platform.server, west()
    known = researcher.send("nonce", WEST, seconds=2)
    researcher.until(known, "running")
    server.stop()
    shutil.copytree(server.folder, tmp_path / "before")
    server.start()
    first = researcher.result(researcher.completed_once(known))
    node.process.stop()
    node.process.start()
    lost = researcher.until(researcher.send("nonce", WEST, seconds=2), "running")
    server.stop()
    node.await_event("destroy", lost)
    assert [held["run"] for held in node.journal()["held"]] == [lost["id"]]

    shutil.rmtree(server.folder)
    shutil.copytree(tmp_path / "before", server.folder)
    server.start()
    run = researcher.ended_run(researcher.send("exits_one", WEST))
    assert (run["id"], run["status"]) == (lost["id"], "failed")
    run = researcher.ended_run(known)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    assert researcher.result(run) != first
    node.assert_done()
