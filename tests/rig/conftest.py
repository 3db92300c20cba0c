"""What the tests of the rig share."""

import io
import os
import select
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest

from tools.rig.engine import docker_engine

TINY_IMAGE = "ptm-test/tiny:latest"


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="session")
def tiny_image(engine: docker.DockerClient) -> Iterator[str]:
    """An image that holds one small file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    repository, tag = TINY_IMAGE.split(":")
    engine.api.import_image_from_data(packed.getvalue(), repository, tag)
    yield TINY_IMAGE
    engine.images.remove(TINY_IMAGE, force=True)


@pytest.fixture
def ends() -> Callable[[int], bool]:
    """Whether a process ends within ten seconds, learnt from the kernel."""

    def ends_soon(pid: int) -> bool:
        try:
            watch = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([watch], [], [], 10)[0])
        finally:
            os.close(watch)

    return ends_soon
