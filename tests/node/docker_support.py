"""Real containers for the node's tests: one image that does what its input says."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import docker
import pytest
from ptm_node.clock import Clock
from ptm_node.messages import Key
from ptm_node.runtimes.base import (
    ContainerSpec,
    Exit,
    Handle,
    Limits,
    Mount,
    sandbox_user,
)
from ptm_node.runtimes.docker import DockerRuntime

FIRST = Key(1, 1)
MEBIBYTE = 1 << 20
PATIENCE = 60.0
RUNTIMES = ("runc", "runsc")
LIMITS = Limits(
    cpus=1.0,
    memory=64 * MEBIBYTE,
    pids=32,
    tmp=8 * MEBIBYTE,
    file_size=MEBIBYTE + 1,
    log=MEBIBYTE,
)


@contextmanager
def own_containers(client: docker.DockerClient) -> Iterator[str]:
    """A node's name that is nobody else's; its containers are gone afterwards."""
    node = f"test{secrets.token_hex(4)}"
    try:
        yield node
    finally:
        remove_containers(client, node)


def containers_of(client: docker.DockerClient, node: str) -> list[Any]:
    filters: dict[str, str | list[str] | bool] = {"label": f"ptm.node={node}"}
    # The SDK looks at each by itself, and one may go meanwhile.
    found = client.containers.list(all=True, filters=filters, ignore_removed=True)
    return list(found)


def remove_containers(client: docker.DockerClient, node: str) -> None:
    for each in containers_of(client, node):
        with contextlib.suppress(docker.errors.APIError):  # the engine is at it already
            each.remove(force=True)


def spec(
    folder: Path,
    image: str,
    method: str,
    key: Key = FIRST,
    *,
    mounts: tuple[Mount, ...] = (),
    limits: Limits = LIMITS,
    environment: dict[str, str] | None = None,
    **arguments: Any,
) -> ContainerSpec:
    """A container that calls one function of the probe."""
    work = folder / str(key)
    work.mkdir()
    call = json.dumps({"method": method, "kwargs": arguments})
    files = {"input.txt": call, "output.txt": "", "token.txt": ""}
    for name, content in files.items():
        path = work / name
        path.write_text(content)
        path.chmod(0o600)
        if os.getuid() == 0:
            os.chown(path, *sandbox_user())
    return ContainerSpec(
        key=key,
        image=image,
        environment={
            "INPUT_FILE": "/app/input.txt",
            "OUTPUT_FILE": "/app/output.txt",
            "TOKEN_FILE": "/app/token.txt",
            "HOME": "/tmp",  # noqa: S108 (the container's own)
            **(environment or {}),
        },
        mounts=(
            *(
                Mount(str(work / name), f"/app/{name}", read_only=name != "output.txt")
                for name in files
            ),
            *mounts,
        ),
        limits=limits,
    )


def output_of(spec: ContainerSpec) -> bytes:
    source = next(m.source for m in spec.mounts if m.target == "/app/output.txt")
    return Path(source).read_bytes()


class Engine:
    """A runtime of a node of its own."""

    def __init__(
        self, folder: Path, image: str, node: str, oci_runtime: str | None = None
    ) -> None:
        self.folder = folder
        self.image = image
        self.node = node
        self.oci_runtime = oci_runtime
        self.runtime = DockerRuntime(node, Clock(), oci_runtime)
        ready = Event()
        self.runtime.open(ready.set)
        assert ready.wait(PATIENCE)
        known = self.runtime._watch.client.info()["Runtimes"]
        if oci_runtime and oci_runtime not in known:
            pytest.skip(f"This machine's own engine does not know {oci_runtime}")

    def spec(self, method: str, **more: Any) -> ContainerSpec:
        return spec(self.folder, self.image, method, **more)

    def run(self, wanted: ContainerSpec) -> tuple[Exit, Handle]:
        handle = self.runtime.prepare(wanted, lambda: None)
        self.runtime.start(handle)
        ending = self.runtime.wait(handle, PATIENCE)
        assert ending is not None
        return ending, handle

    def result(self, method: str, **more: Any) -> Any:
        wanted = self.spec(method, **more)
        ending, handle = self.run(wanted)
        with self.runtime.logs(handle) as pieces:
            assert ending.code == 0, b"".join(pieces)
        return json.loads(output_of(wanted))
