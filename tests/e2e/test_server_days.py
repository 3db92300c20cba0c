"""The server goes away while a container runs, and comes back."""

from collections.abc import Callable

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
