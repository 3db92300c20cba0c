"""The node itself in a container, by the script and the image that sites use."""

import json
import subprocess

import pytest

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST
from tools.rig.box import node_image
from tools.rig.platform import Platform


@pytest.fixture(scope="module")
def boxed(platform: Platform) -> str:
    """The name of the node's image."""
    return node_image(platform.engine)


def test_a_node_in_a_container_does_what_one_outside_does(
    boxed: str, west: MakeNode, researcher: Researcher
) -> None:
    node = west(boxed=boxed)
    examined = json.loads(node.command("doctor", "--json"))
    levels = {finding["check"]: finding["level"] for finding in examined}
    assert {levels[check] for check in ("paths", "docker", "sandbox")} == {"ok"}
    run = researcher.ended_run(researcher.send_summary(WEST, columns=["age"]))
    assert run["status"] == "completed", run
    assert researcher.result(run)["columns"]["age"]["groups"]["all"]["n"] == 40
    node.command("pause", "--reason", "the data are updated")
    assert node.journal()["running"]
    node.assert_done()


def test_told_to_end_in_its_container_it_finishes_what_runs(
    boxed: str, west: MakeNode, researcher: Researcher
) -> None:
    node = west(boxed=boxed)
    task = researcher.send("nonce", WEST, seconds=2)
    researcher.until(task, "running")
    assert node.box is not None
    subprocess.run(["docker", "stop", node.box.container], check=True)
    assert node.process.wait(20) == 0
    run = researcher.completed_once(task)
    assert node.starts(run) == 1
    assert node.journal()["held"] == []


def test_killed_with_its_container_it_takes_up_what_runs(
    boxed: str, west: MakeNode, researcher: Researcher
) -> None:
    node = west(boxed=boxed)
    task = researcher.send("nonce", WEST, seconds=5)
    researcher.until(task, "running")
    node.process.kill()
    [container] = node.containers()
    assert container.status == "running"
    assert [held["phase"] for held in node.journal()["held"]] == ["started"]
    node.process.start()
    run = researcher.completed_once(task)
    assert moves(run) == ["claimed", "preparing", "running", "completed"]
    assert node.starts(run) == 1
    node.assert_done()
