"""One platform for all: a server, a registry, three sites, and a fourth for bad days.

Every test here needs Docker, and is followed by a look at what was left behind.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pandas as pd
import pytest
from docker.errors import ImageNotFound

from tests.e2e.researcher import Researcher
from tests.e2e.site_node import SOUTH, WEST, SiteNode
from tools.demo.sites import sites_in, write_tables
from tools.rig.box import Box
from tools.rig.engine import docker_engine
from tools.rig.folders import ROOT
from tools.rig.node import Section
from tools.rig.platform import Platform, SiteData
from tools.rig.process import free_port, wait_until
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.world import Wanted

FOLDER = Path(__file__).parent
IMAGES = (
    ROOT / "algorithms" / "summary",
    ROOT / "tests" / "images" / "probe",
    FOLDER / "images" / "scratch",
    FOLDER / "images" / "gone",
)
ONLINE_SECONDS = 15
SMALL: dict[str, Section] = {
    "limits": {
        "memory": "128m",
        "output": "64k",
        "log": "64k",
        "tmp": "32k",
        "pids": 32,
        "time": "5s",
        "stop_grace": "1s",
        "concurrent_runs": 2,
    }
}
UNHURRIED: dict[str, Section] = {"limits": {**SMALL["limits"], "time": "60s"}}
ISSUE_CODES = """
from apps.accounts.models import User
from apps.nodes.services import issue_enrolment_code
from apps.organizations.models import Organization
admin = User.objects.get(username="west-admin")
west = Organization.objects.get(name="Site West")
for number in range(80):
    print(issue_enrolment_code(organization=west, issued_by=admin))
"""

MakeNode = Callable[..., SiteNode]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="session")
def platform(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    registry = Registry(folder / "registry", free_port())
    server = Server(folder / "server", free_port())
    sites = [site.name for site in sites_in(folder / "sites")]
    with registry, Platform(folder, engine, registry, server) as platform:
        images = platform.push(*IMAGES)
        platform.start_server(Wanted("Breast cancer", [*sites, WEST], images))
        codes = server.manage("shell", "-v0", "-c", ISSUE_CODES)
        platform.world.codes.update(
            (f"West {number}", code) for number, code in enumerate(codes.split())
        )
        yield platform
    for image in platform.world.images:
        with contextlib.suppress(ImageNotFound):
            engine.images.remove(image)


@pytest.fixture(scope="session")
def nodes() -> Iterator[list[SiteNode]]:
    """Every node that any test has started."""
    started: list[SiteNode] = []
    yield started
    for node in started:
        node.clear()


@pytest.fixture(scope="session")
def pooled(platform: Platform) -> pd.DataFrame:
    """The rows of the three sites, together."""
    return write_tables(sites_in(platform.folder / "sites"))


@pytest.fixture(scope="session")
def three_sites(
    platform: Platform, pooled: pd.DataFrame, nodes: list[SiteNode]
) -> dict[str, SiteNode]:
    """By name. South shares no logs and has little memory."""
    south: dict[str, Section] = {
        "limits": {**SMALL["limits"], "memory": "48m"},
        "policy": {"share_log": False},
    }
    found = {}
    for data in sites_in(platform.folder / "sites"):
        kept: Section = {"type": "csv", "uri": str(data.table), "collaborations": []}
        changes = {**SMALL, **(south if data.name == SOUTH else {})}
        changes["databases.kept"] = kept
        found[data.name] = start(platform, data, changes, nodes)
    wait_online(platform, *found)
    return found


@pytest.fixture
def researcher(platform: Platform) -> Iterator[Researcher]:
    with Researcher(platform) as researcher:
        yield researcher


@pytest.fixture
def west(
    platform: Platform, nodes: list[SiteNode], researcher: Researcher
) -> Iterator[MakeNode]:
    """Starts a fresh node of the site West, which stops when its test ends."""
    own: list[SiteNode] = []

    def make(**options: Any) -> SiteNode:
        folder = platform.folder / f"west-{len(nodes)}"
        table = folder / "data" / "patients.csv"
        table.parent.mkdir(parents=True)
        table.write_text("\n".join(["age", *map(str, range(40, 80))]))
        data = SiteData(f"West {len(nodes)}", folder, table)
        changes = {**UNHURRIED, **options.pop("changes", {})}
        if image := options.pop("boxed", ""):
            options["box"] = Box(folder, image, [table.parent])
        node = start(platform, data, changes, nodes, **options)
        own.append(node)
        wait_online(platform, data.name)
        return node

    yield make
    researcher.cancel_what_is_open()
    left = set().union(*(node.blame() for node in own))
    for node in own:
        node.clear()
    assert left == set()


@pytest.fixture(autouse=True)
def _nothing_is_left(nodes: list[SiteNode]) -> Iterator[None]:
    """After every test: no container of ours, and nothing in spool or work folder."""
    yield
    there = [node for node in nodes if not node.cleared]
    assert set().union(*(node.blame() for node in there)) == set()


def start(
    platform: Platform,
    data: SiteData,
    changes: dict[str, Section],
    nodes: list[SiteNode],
    box: Box | None = None,
    **options: Any,
) -> SiteNode:
    since = time.time()
    process = platform.start_node(data, changes=changes, box=box, **options)
    node = SiteNode(data, process, platform.engine, since, box)
    nodes.append(node)
    return node


def wait_online(platform: Platform, *names: str) -> None:
    """Until the server knows what the nodes offer. The list has all that ever were."""
    with Researcher(platform) as researcher:
        found = {n["name"]: n["id"] for n in researcher.all_of("nodes/")}
        for name in names:
            serves = partial(researcher.serves, found[name])
            assert wait_until(serves, ONLINE_SECONDS), name
