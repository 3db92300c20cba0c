"""A large layer is sent to one registry, and lent to the next."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from tools.rig.layers import LARGE
from tools.rig.process import free_port
from tools.rig.registry import Registry

IMAGE = "ptm-test/large:latest"
# From this size on the engine asks for what it has sent to others.
SIZE = 11 * LARGE

pytestmark = pytest.mark.docker


@pytest.fixture
def image(engine: docker.DockerClient) -> Iterator[str]:
    """An image of one large layer that nobody has seen before."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("noise")
        entry.size = SIZE
        archive.addfile(entry, io.BytesIO(os.urandom(SIZE)))
    repository, tag = IMAGE.split(":")
    engine.api.import_image_from_data(packed.getvalue(), repository, tag)
    yield IMAGE
    engine.images.remove(IMAGE, force=True)


def registry(tmp_path: Path, name: str) -> Registry:
    return Registry(tmp_path / name, free_port(), tmp_path / "layers")


def layer_of(registry: Registry) -> Path:
    """The file of its one large layer."""
    blobs = registry.folder.glob("data/**/blobs/sha256/*/*/data")
    (found,) = (blob for blob in blobs if blob.stat().st_size >= LARGE)
    return found


def test_a_layer_that_one_registry_has_is_not_sent_to_the_next(
    tmp_path: Path, engine: docker.DockerClient, image: str
) -> None:
    with registry(tmp_path, "first") as first:
        one = first.push(engine, image, "algorithms/large", "1.0")
    with registry(tmp_path, "second") as second:
        two = second.push(engine, image, "algorithms/other", "1.0")
        assert two.rpartition("@")[2] == one.rpartition("@")[2]
        assert layer_of(second).samefile(layer_of(first))
        # Whole, for an engine that has nothing of it.
        engine.images.remove(image)
        with pytest.raises(ImageNotFound):
            engine.images.get(image)
        pulled = engine.images.pull(two, auth_config=second.auth("node"))
        pulled.tag(image)
        engine.images.remove(two)


def test_without_what_was_kept_it_is_sent_again(
    tmp_path: Path, engine: docker.DockerClient, image: str
) -> None:
    with registry(tmp_path, "first") as first:
        first.push(engine, image, "algorithms/large", "1.0")
    for kept in (tmp_path / "layers").iterdir():
        kept.unlink()
    with registry(tmp_path, "second") as second:
        second.push(engine, image, "algorithms/large", "1.0")
    assert not layer_of(second).samefile(layer_of(first))


def test_a_layer_on_another_file_system_is_sent_again(
    tmp_path: Path,
    engine: docker.DockerClient,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*names: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("tools.rig.layers.os.link", refuse)
    with registry(tmp_path, "first") as first:
        first.push(engine, image, "algorithms/large", "1.0")
        assert layer_of(first).stat().st_nlink == 1
    with registry(tmp_path, "second") as second:
        second.push(engine, image, "algorithms/large", "1.0")
        assert layer_of(second).stat().st_nlink == 1


def test_small_layers_are_not_kept(
    tmp_path: Path, engine: docker.DockerClient, tiny_image: str
) -> None:
    with registry(tmp_path, "first") as first:
        first.push(engine, tiny_image, "algorithms/tiny", "1.0")
    assert list((tmp_path / "layers").iterdir()) == []
