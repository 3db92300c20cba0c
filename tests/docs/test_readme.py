"""The README's commands set up a server and a node, in their order."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ptm_node.config import load

from tests.docs.pages import ROOT, Desk, blocks_of, follow
from tools.rig.engine import docker_engine
from tools.rig.migrated import FILE_NAME, copy_migrated
from tools.rig.platform import Platform
from tools.rig.process import free_port
from tools.rig.registry import Registry
from tools.rig.server import Server

PAGE = (ROOT / "README.md").read_text()
# The two commands of "Try it" are what runs this.
SETTING_UP = PAGE[PAGE.index("## Set up a server") :]
COPIED = ("manage.py", "ptm_site", "apps", "templates", "static", "algorithms")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An operator's folder with the product in it, a registry, and a server."""
    folder = tmp_path / "desk"
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    registry = Registry(tmp_path / "registry", free_port())
    server = Server(tmp_path / "server", free_port())
    with docker_engine() as engine, registry:
        platform = Platform(tmp_path, engine, registry, server)
        platform.push(ROOT / "algorithms" / "summary")
        account = registry.auth("server")
        server.env["REGISTRY_URL"] = (
            f"http://{account['username']}:{account['password']}@{registry.host}"
        )
        server.folder.mkdir()
        copy_migrated(server.folder / FILE_NAME)
        with server:
            environment = {
                **server.env,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "REGISTRY": registry.host,
                "PTM_SERVER": server.url,
            }
            yield Desk(folder, environment)


@pytest.mark.docker
def test_the_commands_set_up_a_server_and_a_node(desk: Desk) -> None:
    follow(desk, blocks_of(SETTING_UP))
    assert (desk.folder / "north" / "node.key").stat().st_mode & 0o777 == 0o600
    # The shown configuration is one that the node accepts as it stands.
    shown = load(desk.folder / "north" / "node.toml")
    assert shown.databases["default"].collaborations == [1]


def test_every_page_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", PAGE)
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len(links) > 4
