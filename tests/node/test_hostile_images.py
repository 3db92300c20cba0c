"""Images that try to get out: nothing that they do has an effect."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node.runtimes.base import Mount

from tests.node.docker_support import RUNTIMES, Engine, own_containers
from tools.rig.folders import ROOT
from tools.rig.images import build, ensure_base_image

pytestmark = pytest.mark.docker
# What gVisor's own kernel lets a container do to nothing but itself.
ITS_OWN = {"runsc": {"new users", "new mounts", "real time", "kernel log"}}
WATCHED = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/swaps",
)


@pytest.fixture(scope="module")
def hostile_image(docker_client: docker.DockerClient) -> str:
    base = ensure_base_image(docker_client)
    folder = ROOT / "tests" / "images" / "hostile"
    return build(docker_client, folder, "ptm-test/hostile", base)


@pytest.fixture(params=RUNTIMES)
def engine(
    request: pytest.FixtureRequest,
    docker_client: docker.DockerClient,
    hostile_image: str,
    tmp_path: Path,
) -> Iterator[Engine]:
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path, hostile_image, node, request.param)
        yield engine
        engine.runtime.close()


def listening() -> list[tuple[str, int]]:
    """Every TCP port of this host on which something listens, by any address."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A":
                found.add(int(local.rpartition(":")[2], 16))
    return [(address, port) for address in addresses() for port in sorted(found)]


def addresses() -> list[str]:
    """Where this host can be found, its bridge to containers among them."""
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    local = {
        before.split()[-1]
        for before, line in zip(lines, lines[1:], strict=False)
        if "/32 host LOCAL" in line
    }
    return sorted(local)


@contextlib.contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """Hears every datagram and connection that reaches this host at its port."""
    heard: list[bytes] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as words,
        socket.socket() as calls,
    ):
        calls.bind(("0.0.0.0", 0))  # noqa: S104 (whoever is let through is to get here)
        port = calls.getsockname()[1]
        words.bind(("0.0.0.0", port))  # noqa: S104
        calls.listen()

        def hear_words() -> None:
            with contextlib.suppress(OSError):
                while word := words.recv(1024):
                    heard.append(word)

        def hear_calls() -> None:
            with contextlib.suppress(OSError):
                while True:
                    calls.accept()[0].close()
                    heard.append(b"a connection")

        for hear in (hear_words, hear_calls):
            threading.Thread(target=hear, daemon=True).start()
        yield port, heard
        for each in (words, calls):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def neighbour(client: docker.DockerClient, node: str, image: str) -> Iterator[str]:
    """Another container on the usual bridge, which listens on port 8000."""
    container = client.containers.run(
        image,
        ["python3", "-m", "http.server", "8000"],
        detach=True,
        labels={"ptm.node": node},
        working_dir="/tmp",  # noqa: S108
    )
    try:
        container.reload()
        yield str(container.attrs["NetworkSettings"]["IPAddress"])
    finally:
        container.remove(force=True)


def state_of_host(files: tuple[Path, ...]) -> dict[str, Any]:
    watched = {place: Path(place).read_text() for place in WATCHED}
    kept = {str(file): (file.read_bytes(), file.stat().st_mode) for file in files}
    return {"name": socket.gethostname(), **watched, **kept}


def test_no_attack_has_an_effect(
    engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    table, secret = tmp_path / "patients.csv", tmp_path / "other-run.txt"
    for file in (table, secret):
        file.write_text("age\n50\n")
        file.chmod(0o666)  # rights of files are not what protects them here
    mount = Mount(str(table), "/data/default.csv", read_only=True)
    before = state_of_host((table, secret))
    with (
        listener() as (port, heard),
        neighbour(docker_client, engine.node, engine.image) as other,
    ):
        host = [[address, port, kind] for address in addresses() for kind in PROTOCOLS]
        host += [[address, number, "tcp"] for address, number in listening()]
        host += [[other, 8000, "tcp"]]
        outcomes = engine.result(
            "attacks",
            mounts=(mount,),
            environment={"DATABASE_URI": "/data/default.csv"},
            host=host,
            secrets=[str(secret), "/etc/shadow", str(Path(os.environ["HOME"]))],
        )
    own = ITS_OWN.get(str(engine.oci_runtime), set())
    effects = {name: said for name, (said, _) in outcomes.items() if said}
    assert {name for name in effects if not _inside(name, own)} == set(), effects
    assert heard == []
    assert state_of_host((table, secret)) == before
    assert len(outcomes) > 80


PROTOCOLS = ("tcp", "udp")


def _inside(name: str, own: set[str]) -> bool:
    """Whether it concerns the container alone: its own loopback, or its own kernel."""
    return name in own or " 127." in name
