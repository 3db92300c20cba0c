"""Docker's own command, and the disk, as second witnesses of what was left behind."""

import subprocess
import time
from pathlib import Path

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher
from tests.e2e.site_node import WEST, SiteNode
from tools.rig.platform import Platform

KEPT = {"node.toml", "node.key", "node.log", "registry.password"}
KEPT_FOLDERS = {"data", "state/logs"}
KEPT_STATE = {"lock"} | {
    f"{name}.sqlite3{part}"
    for name in ("journal", "audit")
    for part in ("", "-shm", "-wal")
}


def test_a_volume_that_an_image_asks_for_is_never_made(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    begin = time.time()
    body = researcher.request(WEST, image="scratch", function="mounted")
    run = researcher.ended_run(researcher.api.send_task(body))
    assert run["status"] == "completed"
    assert researcher.bytes_of(run).startswith(b"tmpfs /scratch tmpfs rw")
    assert node.starts(run) == 1
    assert node.settles()
    [container] = events(begin, "create", f"label=ptm.node={node.prefix}")
    mounts = events(begin, "mount", "type=volume")
    assert [event for event in mounts if container.split()[0] in event] == []


def test_after_all_runs_nothing_is_left_but_what_is_meant_to_stay(
    platform: Platform,
    three_sites: dict[str, SiteNode],
    nodes: list[SiteNode],
    researcher: Researcher,
) -> None:
    runs = researcher.ended(researcher.send("nonce", *three_sites))
    assert [run["status"] for run in runs] == ["completed"] * 3
    assert all(node.settles() for node in nodes)
    shown = said_by_docker("ps", "--all", "--format", '{{.Label "ptm.node"}}')
    assert {node.prefix for node in nodes}.isdisjoint(shown)
    for node in nodes:
        assert [path for path in files(node.folder) if not is_meant(path)] == []
    stored = files(platform.server.folder / "results")
    assert len(stored) == len(researcher.all_of("results/")) >= 3
    assert files(platform.server.folder / "uploads") == []


def said_by_docker(*arguments: str) -> list[str]:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def events(begin: float, event: str, only: str) -> list[str]:
    """The engine's events since `begin`, each beginning with the object's id."""
    until = f"{time.time():.6f}"
    options = ["--since", f"{begin:.6f}", "--until", until, "--filter", only]
    shown = "{{.Actor.ID}} {{.Actor.Attributes}}"
    return said_by_docker(
        "events", *options, "--filter", f"event={event}", "--format", shown
    )


def files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


def is_meant(name: str) -> bool:
    """Whether a file of a site is none of a run's, or the log that a site keeps."""
    folder, _, file = name.rpartition("/")
    return (
        folder in KEPT_FOLDERS
        or (folder == "" and file in KEPT)
        or (folder == "state" and file in KEPT_STATE)
    )
