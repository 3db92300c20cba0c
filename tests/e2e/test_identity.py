"""A node that was revoked, one that was cloned, and a code that opens nothing."""

import shutil
import subprocess
from pathlib import Path

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST, SiteNode
from tools.rig.node import CLIENT, node_process
from tools.rig.platform import Platform, SiteData

REFUSED, IN_USE = 3, 4


def test_what_a_revoked_node_held_is_done_by_another_node_of_the_site(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    revoked = west()
    task = researcher.send("nonce", WEST, seconds=3)
    run = researcher.until(task, "running")
    # It takes as long as everything else here may need.
    [container] = revoked.containers()
    container.pause()
    other = west()
    platform.server.manage("revoke_node", WEST, revoked.data.name)
    # A task for the site makes both look.
    assert researcher.ended_run(researcher.send("nonce", WEST))["attempt"] == 1
    assert revoked.process.wait(20) == REFUSED
    assert revoked.containers() == []
    run = researcher.ended_run(task)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    given_back = run["history"][3]
    assert (given_back["new"], given_back["reason"]) == ("queued", "node_revoked")
    assert moves(run).count("completed") == 1
    assert (revoked.starts(run), other.starts(run)) == (1, 1)
    assert len(researcher.result(run)["nonce"]) == 32
    assert revoked.settles()


def test_of_two_nodes_with_one_identity_the_older_one_stops(
    platform: Platform,
    west: MakeNode,
    nodes: list[SiteNode],
    researcher: Researcher,
) -> None:
    original = west()
    assert researcher.ended_run(researcher.send("nonce", WEST))["attempt"] == 1
    assert original.settles()
    clone = cloned(original)
    with node_process(clone.folder / "node.toml") as process:
        clone.process = process
        assert original.process.wait(20) == REFUSED
        run = researcher.ended_run(researcher.send("nonce", WEST))
        assert (run["status"], run["attempt"]) == ("completed", 1)
        assert clone.starts(run) == 1
        assert process.alive
    # Started again, the older machine is the newer one, and knows where it is.
    original.process.start()
    run = researcher.ended_run(researcher.send("nonce", WEST))
    assert (run["status"], run["attempt"]) == ("completed", 1)


def test_a_state_folder_belongs_to_one_daemon(west: MakeNode) -> None:
    node = west()
    config = str(node.folder / "node.toml")
    second = subprocess.run(
        [*CLIENT, "run", "--config", config], capture_output=True, text=True, timeout=20
    )
    assert second.returncode == IN_USE
    assert "another daemon works with this folder" in second.stderr
    assert node.process.alive


def test_a_wrong_code_enrols_nothing_and_leaves_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    config = tmp_path / "new" / "node.toml"
    code = f"ptme_{'0' * 12}_{'x' * 43}"
    done = subprocess.run(
        [*CLIENT, "init", "--server", platform.server.url, "--code", code]
        + ["--config", str(config)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == REFUSED
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("ptm-node: ")
    assert "The code is unknown, used or expired." in sentence
    assert "Traceback" not in done.stdout + done.stderr
    assert [*config.parent.iterdir()] == []


def cloned(node: SiteNode) -> SiteNode:
    """A copy of the machine: key, configuration and state, in another place."""
    folder = node.folder.with_name(f"{node.folder.name}-clone")
    shutil.copytree(node.folder, folder)
    data = SiteData(node.data.name, folder, node.data.table)
    return SiteNode(data, node.process, node.engine, node.since)
