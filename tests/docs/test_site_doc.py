"""docs/site.md does what it says: a real server, registry, engine, node, containers."""

import configparser
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ptm_node import cli

from tests.docs.pages import ROOT, Block, Desk, blocks_of, follow
from tools.demo.sites import sites_in, write_tables
from tools.rig.box import hand_over, node_image
from tools.rig.engine import docker_engine
from tools.rig.node import node_process
from tools.rig.platform import Platform
from tools.rig.process import Process, free_port, wait_until
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.world import Wanted

DOC = (ROOT / "docs" / "site.md").read_text()
SECONDS = 60


@dataclass
class Site:
    """A hospital's desk, and the platform around it."""

    desk: Desk
    platform: Platform
    example: dict[str, str]

    def follow(self, begin: str, end: str = "") -> None:
        """Do what the page says between two of its sentences."""
        start = DOC.index(begin)
        part = DOC[start : DOC.index(end, start) if end else None]
        follow(self.desk, [self._here(block) for block in blocks_of(part)])

    def send(self) -> int:
        body = {
            "name": "Summary of age",
            "collaboration": self.platform.world.collaboration,
            "organizations": list(self.platform.world.organizations.values()),
            "image": self.platform.world.images[0],
            "function": "summary",
            "arguments": {"columns": ["age"]},
            "databases": [{"label": "default"}],
        }
        (run,) = self.platform.api.send_task(body)["runs"]
        return int(run["id"])

    def wait_status(self, run: int, status: str) -> None:
        def read() -> str:
            return str(self.platform.api.get(f"runs/{run}/").json()["status"])

        assert wait_until(lambda: read() == status, SECONDS), read()

    def wait_online(self) -> None:
        def serves() -> bool:
            (node,) = self.platform.api.get("nodes/").json()["results"]
            return bool(node["online"] and node["serves"])

        assert wait_until(serves, SECONDS)

    def _here(self, block: Block) -> Block:
        """The page's example addresses are other ones on this machine."""
        text = block.text
        for example, real in self.example.items():
            text = text.replace(example, real)
        return replace(block, text=text)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tables, *_) = sites = sites_in(tmp_path / "sites")
    write_tables(sites)
    tables.table.chmod(0o644)
    registry = Registry(tmp_path / "registry", free_port())
    server = Server(tmp_path / "server", free_port())
    desk = tmp_path / "desk"
    (desk / "site").mkdir(parents=True)
    with (
        docker_engine() as engine,
        registry,
        Platform(tmp_path, engine, registry, server) as platform,
    ):
        images = platform.push(ROOT / "algorithms" / "summary")
        platform.start_server(Wanted("Breast cancer", ["Hospital North"], images))
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "node_client"),
            "PTM_NODE_CONFIG": str(desk / "site" / "node.toml"),
            "PTM_SERVER": server.url,
            "CODE": platform.world.codes["Hospital North"],
            "REGISTRY_PASSWORD": registry.auth("node")["password"],
        }
        example = {
            "https://ptm.example.org": server.url,
            "/var/lib/ptm-node/state": str(desk / "state"),
            "registry.example.org": registry.host,
            "/data/patients.csv": str(tables.table),
        }
        yield Site(Desk(desk, environment), platform, example)


@contextmanager
def in_a_container(site: Site) -> Iterator[None]:
    """The same node, started by the script that takes the program's place."""
    desk, environment = site.desk.folder, site.desk.environment
    config, state = desk / "site", desk / "state"
    data = Path(site.example["/data/patients.csv"]).parent
    for folder in (config, state, data):
        hand_over(folder)
    environment |= {
        "PATH": f"{ROOT / 'deploy' / 'node'}:{environment['PATH']}",
        "PTM_NODE_FOLDERS": f"{config}:{state}",
        "PTM_NODE_DATA": str(data),
        "PTM_NODE_IMAGE": node_image(site.platform.engine),
        "PTM_NODE_CONTAINER": f"ptm-test-node-{secrets.token_hex(4)}",
    }
    script = str(ROOT / "deploy" / "node" / "ptm-node")
    log = desk / "boxed.log"
    site.follow("Say it in your shell", "A path that Docker")
    with Process("The node", [script, "run"], log=log, env=environment) as process:
        site.wait_online()
        yield
        assert process.wait(SECONDS) == 0


@pytest.mark.docker
def test_the_page_can_be_followed(site: Site) -> None:
    site.follow("## Enrol it", "## Start it")
    config = Path(site.desk.environment["PTM_NODE_CONFIG"])
    with node_process(config):
        site.wait_online()
        assert site.send() == 1
        site.wait_status(1, "awaiting_approval")
        site.follow("## Decide", "The researcher is told the reason")
        site.wait_status(1, "rejected")
        assert site.send() == 2
        site.wait_status(2, "awaiting_approval")
        site.follow("The researcher is told", "With `release")
        site.wait_status(2, "awaiting_release")
        site.follow("With `release", "And one that")
        site.wait_status(2, "completed")
        assert b"age" in (site.desk.folder / "result.json").read_bytes()
        assert site.send() == 3
        site.wait_status(3, "awaiting_release")
        site.follow("And one that", "Nothing that waits")
        site.wait_status(3, "withheld")
        site.follow("## Day to day")
    with in_a_container(site):
        site.follow("A path that Docker", "## Decide")
    exported = (site.desk.folder / "kept-audit.jsonl").read_text()
    assert exported.count("Dr. Ada Meyer") == 4
    assert (site.desk.folder / "audit.jsonl").stat().st_size > 0


def test_the_exit_statuses_are_those_of_the_command() -> None:
    said = " ".join((cli.__doc__ or "").partition("Exit status: ")[2].split())
    known = dict(re.findall(r"(\d) (.+?)(?: · |\.$)", said))
    table = DOC[DOC.index("| exit status |") :]
    assert dict(re.findall(r"^\| (\d) \| (.+) \|$", table, re.M)) == known
    assert set(known) == set("01234")


def test_every_command_of_the_page_is_run_or_says_why_not() -> None:
    run = {b.text for b in blocks_of(DOC) if b.action == "run"}
    commands = {"init", "doctor", "status", "runs", "logs", "pause", "resume", "gc"}
    commands |= {"stop", "approve", "reject", "release", "withhold"}
    missing = [c for c in commands if not any(f"ptm-node {c}" in t for t in run)]
    assert missing == []


def test_the_unit_starts_the_daemon_and_knows_its_exit_statuses() -> None:
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "ptm-node.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("ptm-node run")
    assert service["Environment"] == "PTM_NODE_CONFIG=/etc/ptm-node/node.toml"
    assert service["RestartPreventExitStatus"] == "2 3 4"
    assert service["User"] != "root"
