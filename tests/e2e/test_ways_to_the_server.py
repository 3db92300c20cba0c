"""A node without a socket, and one whose container engine is not there yet."""

from datetime import datetime
from pathlib import Path

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST
from tools.rig.engine import DEFAULT_SOCKET
from tools.rig.process import wait_until


def test_a_node_that_polls_is_woken_within_a_second(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west(changes={"server": {"channel": "polling"}})
    for _ in range(2):
        task = researcher.send("nonce", WEST)
        run = researcher.ended_run(task)
        assert run["status"] == "completed"
        [claimed] = [event for event in run["history"] if event["new"] == "claimed"]
        waited = moment(claimed["at"]) - moment(task["created_at"])
        assert waited.total_seconds() < 1
    assert "listening on the socket" not in node.said


def test_a_node_claims_nothing_until_its_container_engine_answers(
    west: MakeNode, researcher: Researcher, tmp_path: Path
) -> None:
    socket = tmp_path / "docker.sock"
    node = west(settings={"DOCKER_HOST": f"unix://{socket}"})
    task = researcher.send("nonce", WEST)
    # It is woken by the task, and asks the server for nothing.
    assert "engine" in node.journal()["paused"]
    run = researcher.until(task, "queued")
    assert (run["attempt"], moves(run)) == (0, [])
    socket.symlink_to(DEFAULT_SOCKET)
    run = researcher.ended_run(task)
    assert (run["status"], run["attempt"]) == ("completed", 1)
    assert node.starts(run) == 1
    assert node.journal()["paused"] == ""


def test_a_node_says_in_its_log_that_its_container_engine_does_not_answer(
    west: MakeNode, tmp_path: Path
) -> None:
    node = west(settings={"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
    assert wait_until(lambda: "does not answer" in node.said, 5)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
