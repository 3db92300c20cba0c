"""docs/data.md: its configuration loads, its commands run, its table is true."""

import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import psycopg
import pytest
from ptm_node import config, policy
from ptm_node.clock import Clock
from ptm_node.contracts import ptm
from ptm_node.life import Life
from ptm_node.messages import Key, Named, Task
from ptm_node.sections import ANY_DATABASE, Sql
from ptm_node.sources import Sources

from tests.docs.pages import ROOT, Desk, blocks_of, follow
from tests.node.examples import assignment
from tests.node.fake_protocol import KEY
from tests.node.fake_server import FakeServer
from tools.rig.engine import docker_engine
from tools.rig.postgres import Postgres
from tools.rig.process import free_port
from tools.rig.registry import Registry

DOC = (ROOT / "docs" / "data.md").read_text()
BLOCKS = blocks_of(DOC)
TABLES = "".join(block.text for block in BLOCKS if block.action == "file")
LIVE = 'host = "db.example.org"\nport = 5432'
SEEN = re.findall(r"^\| `(\w+)` \| (\w+) \| `(\S+)` \| `(\w+)` \|$", DOC, re.M)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry"), free_port()) as registry:
        yield registry


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Postgres(tmp_path_factory.mktemp("postgres"), free_port()) as server:
        with psycopg.connect(server.url, autocommit=True) as link:
            link.execute("CREATE TABLE patients (age INTEGER, stage TEXT)")
            link.execute("INSERT INTO patients VALUES (61, 'II')")
        yield server.url.replace("postgres://", "postgresql://")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What the page calls /data."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for name, content in {
        "patients.csv": b"age\n61\n",
        "scans.parquet": b"PAR1....PAR1",
        "patients.xlsx": b"PK\x03\x04",
        "genome.vcf.gz": b"any",
    }.items():
        (folder / name).write_bytes(content)
    with sqlite3.connect(folder / "cohort.db") as link:
        link.execute("CREATE TABLE patients (id INTEGER, age INTEGER)")
        link.execute("INSERT INTO patients VALUES (1, 61)")
    link.close()
    return folder


def live_at(url: str) -> str:
    parts = urlsplit(url)
    return f'host = "{parts.hostname}"\nport = {parts.port}'


@pytest.fixture
def desk(
    tmp_path: Path, data: Path, url: str, server: FakeServer, registry: Registry
) -> Desk:
    """A node with every database of the page."""
    text = f'''
[server]
url = "{server.url}"
[node]
name = "Hospital North"
[policy]
images = ["{registry.host}/ptm/*"]
[registry]
"{registry.host}" = {{ username = "node", password_file = "password" }}
{TABLES.replace("/data/", f"{data}/").replace(LIVE, live_at(url))}'''
    path = tmp_path / "site" / "node.toml"
    (path.parent / "state").mkdir(mode=0o700, parents=True)
    password = registry.auth("node")["password"]
    files = {"node.toml": text, "node.key": KEY, "password": password}
    for name, content in files.items():
        (path.parent / name).touch(mode=0o600)
        (path.parent / name).write_text(content)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "node_client"),
        "PTM_NODE_CONFIG": str(path),
        "WAREHOUSE_URL": url,
    }
    return Desk(tmp_path, environment)


@pytest.mark.docker
def test_the_page_can_be_followed(desk: Desk, url: str, registry: Registry) -> None:
    commands = [
        replace(block, text=block.text.replace("registry.example.org", registry.host))
        for block in BLOCKS
        if block.action == "run"
    ]
    with docker_engine():
        said = follow(desk, commands)
    settings = config.load(Path(desk.environment["PTM_NODE_CONFIG"]))
    for label in settings.databases:
        assert re.search(rf"^ok +database {label}:", said, re.M), said
    assert url not in said
    secret = Path(desk.environment["PTM_NODE_CONFIG"]).parent / "warehouse.url"
    assert secret.stat().st_mode & 0o777 == 0o600


def seen(desk: Desk, collaboration: int, *labels: str) -> dict[str, Any]:
    """Environment of a container, in which every place that it names is mounted."""
    follow(desk, [block for block in BLOCKS if "WAREHOUSE_URL" in block.text])
    settings = config.load(Path(desk.environment["PTM_NODE_CONFIG"]))
    task = Task(4, "a task", Named(collaboration, "any"), Named(2, "elsewhere"))
    image = settings.policy.images[0].replace("*", f"summary@sha256:{'a' * 64}")
    asked = assignment(Key(1, 1), image, labels=labels, task=task)
    permit = policy.check(settings, asked)
    work = desk.folder / f"work-{labels[0]}"
    work.mkdir()
    sources = Sources(desk.folder / "cache", settings, Life(Clock()))
    found = sources.provide(permit.databases, work, lambda: None)
    spec = ptm.lay_out(asked, permit, found, settings, work)
    mounted = {mount.target for mount in spec.mounts if mount.read_only}
    for label in labels:
        assert spec.environment[f"{label.upper()}_DATABASE_URI"] in mounted
    return dict(spec.environment)


def test_a_container_sees_what_the_table_says(desk: Desk) -> None:
    assert len(SEEN) == DOC.count("\n| `")
    extracts = seen(desk, 1, *(label for label, *_ in SEEN if label != "live"))
    settings = {**seen(desk, 1, "live"), **extracts}
    for label, _, place, kind in SEEN:
        assert settings[f"{label.upper()}_DATABASE_URI"] == place
        assert settings[f"{label.upper()}_DATABASE_TYPE"] == kind
    assert settings["DATABASE_URI"] == SEEN[0][2]
    assert settings["WORKBOOK_SHEET_NAME"] == "Patients"


def test_an_alias_is_the_name_in_its_collaboration(desk: Desk) -> None:
    assert "REGISTRY_DATABASE_URI" in seen(desk, 2, "registry")


def test_every_kind_of_database_and_every_key_is_on_the_page() -> None:
    kinds = {each.__struct_config__.tag for each in get_args(ANY_DATABASE)}
    assert kinds == set(re.findall(r'^type = "(\w+)"$', TABLES, re.M))
    keys = set(re.findall(r"^(\w+) = ", TABLES, re.M))
    assert set(Sql.__struct_fields__) <= keys


def test_what_is_called_the_default_is_it() -> None:
    _, _, said = TABLES.partition("# What follows is the default.\n")
    lines = dict(re.findall(r"^(\w+) = (.+)$", said.partition("\n\n")[0], re.M))
    default = Sql(query="SELECT 1")
    assert lines == {
        "format": f'"{default.format}"',
        "refresh": f'"{default.refresh / 86400:g}d"',
        "time": f'"{default.time / 60:g}m"',
        "max_rows": str(default.max_rows),
        "max_size": f'"{default.max_size >> 30}g"',
    }
