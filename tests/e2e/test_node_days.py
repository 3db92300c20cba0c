"""A node is killed, or told to end, at every moment of a run."""

import signal

from tests.e2e.conftest import MakeNode
from tests.e2e.faults import forget_images, frozen
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST
from tools.rig.platform import Platform
from tools.rig.process import wait_until


def test_a_restarted_node_adopts_the_container_that_still_runs(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=3)
    researcher.until(task, "running")
    node.process.kill()
    [container] = node.containers()
    assert container.status == "running"
    status = node.journal()
    assert not status["running"]
    assert [held["phase"] for held in status["held"]] == ["started"]
    node.process.start()
    run = researcher.completed_once(task)
    assert moves(run) == ["claimed", "preparing", "running", "completed"]
    # One start, so the nonce can only be the one of the container that was adopted.
    assert node.starts(run) == 1
    node.assert_done()


def test_the_result_of_a_container_that_ended_without_its_node_is_sent(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=2)
    run = researcher.until(task, "running")
    node.process.kill()
    node.await_event("die", run)
    node.process.start()
    run = researcher.completed_once(task)
    assert node.starts(run) == 1
    node.assert_done()


def test_a_node_killed_between_claim_and_start_starts_the_container_once(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    # The pull hangs, so that the node can be killed before there is a container.
    forget_images(platform)
    with frozen(platform.registry.pid):
        task = researcher.send("nonce", WEST)
        researcher.until(task, "preparing")
        node.process.kill()
    assert node.containers() == []
    assert [held["phase"] for held in node.journal()["held"]] == ["claimed"]
    node.process.start()
    run = researcher.completed_once(task)
    assert node.starts(run) == 1
    assert node.settles()


def test_a_node_that_is_told_to_end_finishes_what_runs_and_begins_nothing(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    first = researcher.send("nonce", WEST, seconds=2)
    researcher.until(first, "running")
    node.send_signal(signal.SIGTERM)
    second = researcher.send("nonce", WEST)
    assert node.process.wait(20) == 0
    run = researcher.ended_run(first)
    assert (run["status"], node.starts(run)) == ("completed", 1)
    assert node.journal()["held"] == []
    waiting = researcher.until(second, "queued")
    # A claim that was under way may have brought it: then it is given back.
    assert moves(waiting) in ([], ["claimed", "queued"])
    assert node.starts(waiting) == 0
    node.process.start()
    assert researcher.ended_run(second)["status"] == "completed"


def test_a_node_that_is_told_twice_ends_at_once_and_leaves_the_container_alone(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    task = researcher.send("nonce", WEST, seconds=5)
    run = researcher.until(task, "running")
    node.send_signal(signal.SIGTERM)
    assert wait_until(lambda: "draining" in node.said, 5)
    node.send_signal(signal.SIGTERM)
    assert node.process.wait(20) == 0
    [container] = node.containers()
    assert container.status == "running"
    assert researcher.run(run)["status"] == "running"
    node.process.start()
    run = researcher.completed_once(task)
    assert node.starts(run) == 1
