"""A node that is itself in a container: hostile images, its data, its end."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node.config import key_prefix
from ptm_node.runtimes.base import sandbox_user

from tests.node.docker_support import (
    MEBIBYTE,
    RUNTIMES,
    containers_of,
    own_containers,
    remove_containers,
)
from tests.node.fake_protocol import KEY
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import eventually, files_of, write_config
from tests.node.hostile import besieged, hostile_image
from tools.rig.box import Box, hand_over, node_image
from tools.rig.engine import DEFAULT_SOCKET as SOCKET
from tools.rig.node import CLIENT
from tools.rig.registry import Registry

pytestmark = pytest.mark.docker
Json = dict[str, Any]
PATIENCE = 60.0
LIMITS = {
    "memory": "64m",
    "output": "16m",
    "tmp": "8m",
    "log": "64k",
    "pids": 32,
    "concurrent_runs": 6,
}


class Site:
    """A folder of the node's own, one of data, and images by their digests."""

    def __init__(
        self, folder: Path, server: FakeServer, image: str, oci_runtime: str
    ) -> None:
        self.folder, self.data = folder / "site", folder / "data"
        for each in (self.folder, self.data):
            each.mkdir()
        self.server = server
        self.oci_runtime = oci_runtime
        self.box = Box(self.folder, image, [self.data])
        self.state = self.folder / "state"

    def configure(self, databases: dict[str, Json] | None = None, **node: str) -> None:
        databases = databases or {}
        write_config(
            self.folder,
            self.server.url,
            node={"oci_runtime": self.oci_runtime, **node},
            databases={k: {**v, "collaborations": [1]} for k, v in databases.items()},
            policy={"images": ["localhost:*/ptm/*"]},
            limits=LIMITS,
        )
        hand_over(self.folder)

    def send(self, image: str, method: str, *labels: str, **arguments: Any) -> Run:
        call = json.dumps({"method": method, "kwargs": arguments}).encode()
        databases = [{"label": label} for label in labels]
        return self.server.add_run(image, input=call, databases=databases)


@pytest.fixture(scope="module")
def images(
    docker_client: docker.DockerClient, registry: Registry, probe_image: str
) -> Iterator[dict[str, str]]:
    """By name: the digest that a registry gave it; the engine has it already."""
    made = {"probe": probe_image, "hostile": hostile_image(docker_client)}
    pushed = {}
    for name, image in made.items():
        pushed[name] = registry.push(docker_client, image, f"ptm/{name}", "1.0")
        docker_client.api.pull(pushed[name], auth_config=registry.auth("node"))
    yield pushed
    for image in pushed.values():
        docker_client.images.remove(image, force=True)


@pytest.fixture(params=RUNTIMES)
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    server: FakeServer,
    docker_client: docker.DockerClient,
) -> Iterator[Site]:
    yield Site(tmp_path, server, node_image(docker_client), request.param)
    remove_containers(docker_client, key_prefix(KEY))


def test_no_attack_has_an_effect(
    site: Site, images: dict[str, str], docker_client: docker.DockerClient
) -> None:
    hostile = images["hostile"]
    with (
        own_containers(docker_client) as other,
        besieged(docker_client, other, hostile, site.data) as siege,
    ):
        site.configure({"default": {"type": "csv", "uri": str(siege.table)}})
        siege.secrets += [str(site.folder / "node.key"), str(site.state)]
        with site.box.process():
            run = site.send(hostile, "attacks", "default", **siege.arguments)
            site.server.wait_status(run, "completed", seconds=PATIENCE)
    siege.assert_no_effect(json.loads(run.result or b""), site.oci_runtime)


BOUNDED = {
    "eats_memory": "out_of_memory",
    "floods_output": "output_too_large",
    "exits_one": "exit_nonzero",
    "fills_tmp": None,
    "floods_log": None,
}


def test_every_bound_holds(
    site: Site, images: dict[str, str], docker_client: docker.DockerClient
) -> None:
    site.configure()
    with site.box.process():
        forks = site.send(images["probe"], "forks")
        runs = {name: site.send(images["probe"], name) for name in BOUNDED}
        for name, code in BOUNDED.items():
            end = "completed" if code is None else "failed"
            run = site.server.wait_status(runs[name], end, seconds=PATIENCE)
            assert run.code == code
        # gVisor's limit is that of its kernel's threads, which ends the container.
        end = "completed" if site.oci_runtime == "runc" else "failed"
        site.server.wait_status(forks, end, seconds=PATIENCE)
        eventually(lambda: not files_of(site.state))
        eventually(lambda: not containers_of(docker_client, key_prefix(KEY)))
    if forks.result is not None:
        assert json.loads(forks.result)["refused"] == "EAGAIN"
    filled = json.loads(runs["fills_tmp"].result or b"")
    assert filled == {"bytes": 8 * MEBIBYTE, "refused": "ENOSPC"}
    log = site.state / "logs" / f"{runs['floods_log'].id}-1.log"
    assert log.stat().st_size == 64 << 10


ONLY_RUNC = pytest.mark.parametrize("site", ["runc"], indirect=True)


@ONLY_RUNC
def test_copies_and_extracts_of_data_reach_the_algorithm(
    site: Site, images: dict[str, str]
) -> None:
    shared, rows = site.data / "shared.csv", site.data / "rows.db"
    shared.write_text("age\n50\n")
    shared.chmod(0o640)  # for the node by the group of the socket, not for a container
    os.chown(shared, -1, SOCKET.stat().st_gid)
    with closing(sqlite3.connect(rows)) as link, link:
        link.execute("CREATE TABLE patients AS SELECT 50 AS age")
    source = {"type": "sql", "uri": f"sqlite:///{rows}"}
    query = {**source, "query": "SELECT age FROM patients"}
    site.configure(
        {
            "copied": {"type": "csv", "uri": str(shared)},
            "extracted": {**query, "format": "csv"},
            "typed": {**query, "format": "parquet"},
        }
    )
    with site.box.process():
        run = site.send(images["probe"], "echo", "copied", "extracted", "typed")
        site.server.wait_status(run, "completed", seconds=PATIENCE)
    seen = json.loads(run.result or b"")
    sizes = {place: found["bytes"] for place, found in seen["databases"].items()}
    assert sizes.pop("/data/typed.parquet") > 0
    assert sizes == {"/data/copied.csv": 7, "/data/extracted.csv": 9}
    assert seen["uid"] == sandbox_user()[0]


# Where a signal that is sent by mistake meets nobody.
AMONG_OTHERS = ["unshare", "--pid", "--fork", "--mount-proc"]
if os.getuid() != 0:
    AMONG_OTHERS += ["--user", "--map-root-user"]


@ONLY_RUNC
def test_commands_reach_it_from_inside_and_harm_nobody_outside(site: Site) -> None:
    site.configure()
    config = ("--config", str(site.folder / "node.toml"))
    with site.box.process() as process:
        site.server.wait(lambda: site.server.hellos, PATIENCE)
        outside = command(*AMONG_OTHERS, *CLIENT, "stop", *config)
        assert outside.returncode == 1
        assert "in a container: give this command in there" in outside.stderr
        assert command(*AMONG_OTHERS, *CLIENT, "resume", *config).returncode == 0
        assert command(*site.box.client, "run").returncode == 4
        assert command(*site.box.client, "pause").returncode == 0
        site.server.wait(lambda: site.server.claims[-1]["capacity"] == 0, PATIENCE)
        assert command(*site.box.client, "stop").returncode == 0
        assert process.wait(PATIENCE) == 0
    assert "does not run" in command(*site.box.client, "status").stdout


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)


@ONLY_RUNC
def test_a_folder_that_docker_would_not_find_stops_the_start(site: Site) -> None:
    site.configure(state="/tmp/state")  # noqa: S108 (of the node's own container)
    with site.box.process() as process:
        assert process.wait(PATIENCE) == 2
    said = (site.folder / "node.log").read_text()
    assert "node.state: Docker does not find /tmp/state where the node does" in said
    assert "mount it into the node's container" in said
    examined = command(*site.box.client, "doctor", "--json")
    levels = {each["check"]: each["level"] for each in json.loads(examined.stdout)}
    assert (examined.returncode, levels["paths"]) == (1, "failed")
