"""A site's people decide, while the researcher sees what is waited for."""

import signal
from typing import Any

import pytest

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST, SiteNode
from tools.rig.platform import Platform
from tools.rig.process import wait_until

ADA = ("--name", "Ada", "--reason", "as agreed")


@pytest.fixture
def careful(west: MakeNode) -> SiteNode:
    """A site that looks at what runs and at what leaves."""
    return west(changes={"policy": {"approval": "new-digest", "release": "review"}})


def test_a_run_waits_for_a_yes_and_its_result_for_another(
    careful: SiteNode, researcher: Researcher
) -> None:
    task = researcher.send_summary(WEST, columns=["age"])
    run = researcher.until(task, "awaiting_approval")
    assert careful.starts(run) == 0
    shown = careful.command("approve", str(run["id"]))
    assert '"age"' in shown
    assert "it was never approved here" in shown
    careful.command("approve", str(run["id"]), *ADA, "--for", "image")
    run = researcher.until(researcher.task(task), "awaiting_release")
    assert run["result"] is None
    assert '"n"' in careful.command("release", str(run["id"]))
    careful.command("release", str(run["id"]), *ADA)
    run = researcher.ended_run(researcher.task(task))
    assert moves(run) == [
        "claimed",
        "awaiting_approval",
        "preparing",
        "running",
        "awaiting_release",
        "completed",
    ]
    assert careful.starts(run) == 1
    # The version was approved: the same question again only waits for its release.
    again = researcher.send_summary(WEST, columns=["age"])
    run = researcher.until(again, "awaiting_release")
    careful.command("withhold", str(run["id"]), "--name", "Ada")
    run = researcher.ended_run(researcher.task(again))
    assert (run["status"], run["code"]) == ("withheld", "approval_denied")
    careful.assert_done()


def test_what_waits_outlives_a_killed_daemon(
    careful: SiteNode, researcher: Researcher
) -> None:
    task = researcher.send_summary(WEST, columns=["age"])
    run = researcher.until(task, "awaiting_approval")
    careful.send_signal(signal.SIGKILL)
    careful.process.wait()
    assert "when the daemon runs again" in careful.command(
        "reject", str(run["id"]), *ADA
    )
    careful.process.start()
    run = researcher.ended_run(researcher.task(task))
    assert (run["status"], run["code"]) == ("rejected", "approval_denied")
    assert run["detail"] == "the site said no: as agreed"
    assert careful.starts(run) == 0
    careful.assert_done()


def test_the_server_keeps_the_head_of_the_sites_audit(
    careful: SiteNode, platform: Platform, researcher: Researcher
) -> None:
    def heads() -> list[Any]:
        nodes = researcher.all_of("nodes/")
        return [n["audit_head"] for n in nodes if n["name"] == careful.data.name]

    assert wait_until(lambda: bool(heads()[0]), 60)
    [head] = heads()
    said = careful.command("audit", "verify", "--head", head)
    assert said.startswith("Whole: ")
