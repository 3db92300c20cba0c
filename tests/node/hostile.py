"""What a hostile image is told to attack, and whether any attack had an effect."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from tools.rig.folders import ROOT
from tools.rig.images import build, ensure_base_image

# What gVisor's own kernel lets a container do to nothing but itself.
ITS_OWN = {"runsc": {"new users", "new mounts", "real time", "kernel log"}}
PROTOCOLS = ("tcp", "udp")
WATCHED = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/swaps",
)


def hostile_image(client: docker.DockerClient) -> str:
    base = ensure_base_image(client)
    folder = ROOT / "tests" / "images" / "hostile"
    return build(client, folder, "ptm-test/hostile", base)


@dataclass
class Siege:
    """One table that the image is given, and all that it is not."""

    table: Path
    secrets: list[str]
    host: list[list[Any]] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    @property
    def arguments(self) -> dict[str, Any]:
        return {"host": self.host, "secrets": self.secrets}

    def assert_no_effect(
        self, outcomes: dict[str, tuple[Any, str]], oci_runtime: str
    ) -> None:
        own = ITS_OWN.get(oci_runtime, set())
        effects = {name: said for name, (said, _) in outcomes.items() if said}
        assert {name for name in effects if not _inside(name, own)} == set(), effects
        assert self.heard == []
        assert len(outcomes) > 80


@contextlib.contextmanager
def besieged(
    client: docker.DockerClient, node: str, image: str, folder: Path
) -> Iterator[Siege]:
    """This host, as it was before the block when the block has ended."""
    table, secret = folder / "patients.csv", folder / "other-run.txt"
    for file in (table, secret):
        file.write_text("age\n50\n")
        file.chmod(0o666)  # rights of files are not what protects them here
    siege = Siege(table, [str(secret), "/etc/shadow", os.environ["HOME"]])
    before = state_of_host((table, secret))
    with (
        listener(siege.heard) as port,
        neighbour(client, node, image) as other,
    ):
        heard_at = [[a, port, kind] for a in addresses() for kind in PROTOCOLS]
        siege.host += heard_at + [[a, each, "tcp"] for a, each in listening()]
        siege.host += [[other, 8000, "tcp"]]
        yield siege
    assert state_of_host((table, secret)) == before


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
def listener(heard: list[bytes]) -> Iterator[int]:
    """Hears every datagram and connection that reaches this host at its port."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as words,
        socket.socket() as calls,
    ):
        calls.bind(("0.0.0.0", 0))  # whoever is let through is to get here
        port = calls.getsockname()[1]
        words.bind(("0.0.0.0", port))
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
        yield port
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


def _inside(name: str, own: set[str]) -> bool:
    """Whether it concerns the container alone: its own loopback, or its own kernel."""
    return name in own or " 127." in name
