import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node.dispatch import Dispatcher
from ptm_node.runtimes.fake import FakeEngine
from ptm_node.state import HEED

from tests.node.docker_support import Engine, own_containers
from tests.node.extracting import in_process, site  # noqa: F401 (fixtures)
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, Daemon, writes
from tests.node.past import Past
from tests.node.sending import apart, api, spooled  # noqa: F401 (fixtures)
from tests.node.sql_databases import (  # noqa: F401 (fixtures)
    database,
    mariadb,
    postgres,
    reader,
    sqlite,
)
from tools.rig.engine import docker_engine
from tools.rig.folders import ROOT
from tools.rig.images import build, ensure_base_image
from tools.rig.process import free_port
from tools.rig.registry import Registry

StartDaemon = Callable[..., Daemon]
# Daemons in this process share its number: a signal must not end the tests.
signal.signal(HEED, signal.SIG_IGN)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def secured(certificate: Path) -> Iterator[FakeServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{certificate}.crt", certificate)
    server = FakeServer(tls)
    yield server
    server.close()


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with one image, which returns an empty object."""
    engine = FakeEngine()
    engine.present[IMAGE] = writes(b"{}")
    return engine


@pytest.fixture
def past(tmp_path: Path, server: FakeServer, engine: FakeEngine) -> Past:
    return Past(tmp_path, server, engine)


@pytest.fixture
def real_engine(
    docker_client: docker.DockerClient, probe_image: str, tmp_path: Path
) -> Iterator[Engine]:
    """The runtime of a node of its own, on real Docker."""
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path, probe_image, node)
        yield engine
        engine.runtime.close()


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test does makes the node look for work: no clock, no heartbeat."""
    monkeypatch.setattr("ptm_node.dispatch._LOOK_SECONDS", 1e6)
    # The hurried clock would make even the longest period a few seconds.
    monkeypatch.setattr(Dispatcher, "beat", lambda each: each._site.life.leaving.wait())


@pytest.fixture
def start(
    tmp_path: Path, server: FakeServer, engine: FakeEngine
) -> Iterator[StartDaemon]:
    """Starts daemons on one state folder; all are ended with the test."""
    with ExitStack() as stack:

        def start(**sections: Any) -> Daemon:
            return stack.enter_context(Daemon(tmp_path, server, engine, **sections))

        yield start


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="session")
def probe_image(docker_client: docker.DockerClient) -> str:
    """The id of an image whose container does what its input says."""
    base = ensure_base_image(docker_client)
    folder = ROOT / "tests" / "images" / "probe"
    return build(docker_client, folder, "ptm-test/probe", base)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry"), free_port()) as registry:
        yield registry
