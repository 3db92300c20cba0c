"""A cancel reaches a run wherever it is."""

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST


def test_a_run_that_nobody_holds_is_cancelled_while_its_site_is_offline(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    node.process.stop()
    task = researcher.send("nonce", WEST)
    [run] = researcher.cancel(task)["runs"]
    assert run["status"] == "cancelled"
    node.process.start()
    # A later task has come and gone: the node has looked.
    later = researcher.ended_run(researcher.send("nonce", WEST))
    assert later["status"] == "completed"
    run = researcher.run(run)
    assert (run["status"], moves(run)) == ("cancelled", ["cancelled"])
    assert node.starts(run) == 0


def test_a_running_container_is_ended_and_leaves_no_result(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=50)
    run = researcher.until(task, "running")
    assert len(node.containers()) == 1
    researcher.cancel(task)
    node.await_event("destroy", run, seconds=5)
    run = researcher.ended_run(task)
    assert (run["status"], run["result"]) == ("cancelled", None)
    assert moves(run) == ["claimed", "preparing", "running", "cancelled"]
    node.assert_done()


def test_a_cancel_waits_for_a_node_that_is_down(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=50)
    researcher.until(task, "running")
    node.process.kill()
    [run] = researcher.cancel(task)["runs"]
    assert (run["status"], run["cancel_requested"]) == ("running", True)
    assert len(node.containers()) == 1
    node.process.start()
    node.await_event("destroy", run, seconds=10)
    run = researcher.ended_run(task)
    assert (run["status"], run["result"]) == ("cancelled", None)
    assert node.starts(run) == 1
    node.assert_done()


def test_a_result_that_was_cancelled_before_it_left_stays_at_the_site(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=2)
    run = researcher.until(task, "running")
    node.process.kill()
    node.await_event("die", run)
    researcher.cancel(task)
    node.process.start()
    run = researcher.ended_run(task)
    assert (run["status"], run["result"]) == ("cancelled", None)
    found = researcher.api.get("results/", task=task["id"]).json()["results"]
    assert found == []
    node.assert_done()
