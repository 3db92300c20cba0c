"""docs/api.md does what it says, against a server with three sites and real nodes."""

import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Desk, blocks_of, follow
from tools.demo.sites import sites_in, write_tables
from tools.rig.engine import docker_engine
from tools.rig.platform import Platform
from tools.rig.process import free_port
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.world import Wanted

DOC = (ROOT / "docs/api.md").read_text()
BLOCKS = blocks_of(DOC)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("platform")
    sites = sites_in(folder / "sites")
    write_tables(sites)
    registry = Registry(folder / "registry", free_port())
    server = Server(folder / "server", free_port())
    with (
        docker_engine() as engine,
        registry,
        Platform(folder, engine, registry, server) as platform,
    ):
        images = platform.push(ROOT / "algorithms" / "summary")
        platform.start_server(Wanted("Breast cancer", [s.name for s in sites], images))
        for site in sites:
            platform.start_node(site)
        platform.wait_until_online()
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PTM_SERVER": server.url,
            "PTM_TOKEN": platform.world.token,
        }
        yield Desk(tmp_path_factory.mktemp("desk"), environment)


@pytest.mark.docker
def test_the_page_can_be_followed(desk: Desk) -> None:
    follow(desk, BLOCKS)
    with zipfile.ZipFile(desk.folder / "results.zip") as archive:
        assert len(archive.namelist()) == 3
    # Sent again with the same Idempotency-Key: the same task, its results as before.
    before = (desk.folder / "results.zip").read_bytes()
    assert desk.run("sh send.sh").returncode == 0
    assert len((desk.folder / "results.zip").read_bytes()) == len(before)
    means = desk.run("python3 summary.py").stdout.splitlines()[-3:]
    assert {line.rsplit(" ", 1)[0] for line in means} == {
        "Site North",
        "Site East",
        "Site South",
    }


def test_the_page_names_every_code_of_a_refused_task() -> None:
    source = "".join(
        (ROOT / "apps" / path).read_text()
        for path in (
            "collaborations/policy.py",
            "tasks/authoring.py",
            "tasks/idempotency.py",
            "tasks/parties.py",
        )
    )
    codes = set(re.findall(r'"([a-z]+(?:_[a-z]+)+)",?\n? *f?"[A-Z]', source))
    assert {code for code in codes if f"`{code}`" not in DOC} == set()
    assert len(codes) > 8
