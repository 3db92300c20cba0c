"""Real daemons, real containers: what happens when either of them dies."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest

from ptm_node.config import key_prefix
from ptm_node.journal import Phase
from tests.node.docker_support import containers_of
from tests.node.fake_server import KEY, FakeServer, Run
from tests.node.harness import eventually
from tests.node.process import DaemonProcess
from tests.node.unix_proxy import UnixProxy
from tools.rig.registry import Registry

pytestmark = pytest.mark.docker
PATIENCE = 40.0
Start = Callable[..., DaemonProcess]


class Site:
    """A folder of a node, the engine, and an image that does what it is told."""

    def __init__(
        self, folder: Path, server: FakeServer, client: docker.DockerClient, image: str
    ) -> None:
        self.folder = folder
        self.server = server
        self.client = client
        self.image = image
        self.stack = ExitStack()

    def start(
        self, environment: dict[str, str] | None = None, **sections: Any
    ) -> DaemonProcess:
        host = self.image.split("/")[0]
        sections = {"policy": {"images": [f"{host}/ptm/*"]}, **sections}
        daemon = DaemonProcess(self.folder, self.server, environment, **sections)
        return self.stack.enter_context(daemon)

    def send(self, method: str, **arguments: Any) -> Run:
        call = json.dumps({"method": method, "kwargs": arguments})
        return self.server.add_run(self.image, input=call.encode())

    def containers(self) -> list[Any]:
        return containers_of(self.client, key_prefix(KEY))

    def wait_until_clean(self, daemon: DaemonProcess) -> None:
        eventually(lambda: not daemon.files() and not daemon.journal(), PATIENCE)
        eventually(lambda: not self.containers(), PATIENCE)

    def wait(self, run: Run, *statuses: str) -> None:
        self.server.wait_status(run, *statuses, seconds=PATIENCE)


@pytest.fixture(scope="module")
def image(
    docker_client: docker.DockerClient, registry: Registry, probe_image: str
) -> Iterator[str]:
    """The probe, by the digest that a registry gave it; the engine has it already."""
    name = registry.push(docker_client, probe_image, "ptm/probe", "1.0")
    docker_client.api.pull(name, auth_config=registry.auth("node"))
    yield name
    docker_client.images.remove(name, force=True)


@pytest.fixture
def site(
    tmp_path: Path,
    server: FakeServer,
    docker_client: docker.DockerClient,
    image: str,
) -> Iterator[Site]:
    site = Site(tmp_path, server, docker_client, image)
    with site.stack:
        yield site
    for each in site.containers():
        each.remove(force=True)


def nonce_of(run: Run) -> str:
    assert run.result is not None
    return str(json.loads(run.result)["nonce"])


def test_a_run_from_claim_to_result(site: Site) -> None:
    daemon = site.start(policy_extra(site, share_log=True))
    run = site.send("nonce", seconds=0.5)
    site.wait(run, "completed")
    assert run.history == ["claimed", "preparing", "running", "completed"]
    assert len(nonce_of(run)) == 32
    site.wait_until_clean(daemon)
    site.server.wait(lambda: b"s to go" in run.log)


def policy_extra(site: Site, **changes: Any) -> None:
    """Placeholder."""


FAILURES = {
    "exits_one": ("exit_nonzero", "exit status 1"),
    "silent": ("output_missing", "the algorithm wrote no output"),
    "floods_output": ("output_too_large", "the output is larger than 1.0 MB"),
    "eats_memory": ("out_of_memory", "out of memory at 64.0 MB"),
    "ignores_stop": ("timed_out", "stopped after 2 seconds"),
}
