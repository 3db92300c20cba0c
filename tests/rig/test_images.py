"""The base image is had once, and algorithm images are built when they change."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from tools.rig import images, standin
from tools.rig.errors import RigError
from tools.rig.images import build, content_hash, ensure_base_image
from tools.rig.process import Process, free_port, port_taken
from tools.rig.standin import debian_mirror, make_standin

BUILT = "ptm-test/built:latest"
UNREACHABLE = "http://127.0.0.1:1/debian"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose image is its base and one file."""
    made = tmp_path / "algorithm"
    made.mkdir()
    dockerfile = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY main.py /\n"
    (made / "Dockerfile").write_text(dockerfile)
    (made / "main.py").write_text("print(686)\n")
    return made


@pytest.fixture
def built(engine: docker.DockerClient) -> Iterator[str]:
    yield BUILT
    remove(engine, BUILT)


@pytest.fixture
def own_names(
    engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Names of base images that the engine does not hold, the first one nowhere."""
    names = {
        "BASE_IMAGE": f"localhost:{free_port()}/python:3.11-slim",
        "STANDIN_IMAGE": "ptm-test/standin:latest",
    }
    for key, name in names.items():
        monkeypatch.setattr(images, key, name)
    yield
    remove(engine, images.BASE_IMAGE)
    remove(engine, images.STANDIN_IMAGE)


def remove(engine: docker.DockerClient, name: str) -> None:
    try:
        engine.images.remove(name, force=True)
    except ImageNotFound:
        return


def keep_standin(cache: Path, content: Path) -> Path:
    """Put a root file system of one folder where the rig keeps its own."""
    cache.mkdir()
    packed = shutil.make_archive(str(cache / "packed"), "tar", content)
    return Path(packed).rename(cache / images.STANDIN_FILE)


@pytest.mark.docker
def test_an_image_is_built_on_the_named_base(
    engine: docker.DockerClient, tiny_image: str, folder: Path, built: str
) -> None:
    image_id = build(engine, folder, built, tiny_image)
    base = engine.images.get(tiny_image).attrs["RootFS"]["Layers"]
    image = engine.images.get(built)
    assert image.id == image_id
    assert image.attrs["RootFS"]["Layers"][:-1] == base


@pytest.mark.docker
def test_an_unchanged_folder_is_not_built_again(
    engine: docker.DockerClient,
    tiny_image: str,
    folder: Path,
    built: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = build(engine, folder, built, tiny_image)
    monkeypatch.delattr(type(engine.images), "build")
    assert build(engine, folder, built, tiny_image) == first
    (folder / "main.py").write_text("print(687)\n")
    with pytest.raises(AttributeError, match="build"):
        build(engine, folder, built, tiny_image)


@pytest.mark.docker
def test_a_changed_folder_is_built_again_and_its_old_image_removed(
    engine: docker.DockerClient, tiny_image: str, folder: Path, built: str
) -> None:
    first = build(engine, folder, built, tiny_image)
    (folder / "main.py").write_text("print(687)\n")
    second = build(engine, folder, built, tiny_image)
    assert engine.images.get(built).id == second
    with pytest.raises(ImageNotFound):
        engine.images.get(first)


@pytest.mark.docker
def test_an_old_image_with_another_name_stays(
    engine: docker.DockerClient, tiny_image: str, folder: Path, built: str
) -> None:
    first = build(engine, folder, built, tiny_image)
    engine.images.get(first).tag("ptm-test/kept:latest")
    (folder / "main.py").write_text("print(687)\n")
    build(engine, folder, built, tiny_image)
    assert engine.images.get("ptm-test/kept:latest").id == first
    engine.images.remove("ptm-test/kept:latest")


@pytest.mark.docker
def test_a_failed_build_is_said_with_its_output(
    engine: docker.DockerClient, tiny_image: str, folder: Path
) -> None:
    (folder / "main.py").unlink()
    with pytest.raises(RigError) as caught:
        build(engine, folder, BUILT, tiny_image)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{folder} could not be built: ")
    assert "main.py" in str(caught.value)
    with pytest.raises(ImageNotFound):
        engine.images.get(BUILT)


def test_the_content_is_names_bytes_modes_and_the_base(folder: Path) -> None:
    seen = {content_hash(folder, "base"), content_hash(folder, "another base")}
    (folder / "main.py").write_text("print(687)\n")
    seen.add(content_hash(folder, "base"))
    (folder / "main.py").chmod(0o755)
    seen.add(content_hash(folder, "base"))
    (folder / "main.py").rename(folder / "other.py")
    seen.add(content_hash(folder, "base"))
    assert len(seen) == 5


def test_compiled_python_is_no_content(folder: Path) -> None:
    before = content_hash(folder, "base")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.pyc").write_bytes(b"compiled")
    assert content_hash(folder, "base") == before


@pytest.mark.docker
@pytest.mark.usefixtures("own_names")
def test_a_kept_stand_in_is_imported_into_an_engine_that_lost_it(
    engine: docker.DockerClient, folder: Path, tmp_path: Path
) -> None:
    keep_standin(tmp_path / "cache", folder)
    name = ensure_base_image(engine, tmp_path / "cache")
    assert name == "ptm-test/standin:latest"
    assert engine.images.get(name).attrs["Config"]["Cmd"] == ["python3"]
    shutil.rmtree(tmp_path / "cache")
    assert ensure_base_image(engine, tmp_path / "cache") == name


@pytest.mark.docker
@pytest.mark.usefixtures("own_names")
def test_a_broken_stand_in_makes_no_image(
    engine: docker.DockerClient, folder: Path, tmp_path: Path
) -> None:
    kept = keep_standin(tmp_path / "cache", folder)
    kept.write_bytes(b"not a tar file")
    with pytest.raises(RigError) as caught:
        ensure_base_image(engine, tmp_path / "cache")
    assert str(caught.value).startswith(f"{kept} could not be imported: ")
    with pytest.raises(ImageNotFound):
        engine.images.get(images.STANDIN_IMAGE)


@pytest.mark.docker
@pytest.mark.usefixtures("own_names")
def test_only_root_can_make_a_stand_in(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RigError) as caught:
        ensure_base_image(engine, tmp_path)
    assert str(caught.value) == (
        "The base image python:3.11-slim cannot be pulled, "
        "and only root can make a stand-in for it."
    )


@pytest.mark.docker
@pytest.mark.usefixtures("own_names")
def test_the_official_image_is_pulled_where_it_can_be(
    engine: docker.DockerClient, tiny_image: str, tmp_path: Path
) -> None:
    host, _, _ = images.BASE_IMAGE.partition("/")
    port = int(host.partition(":")[2])
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))
    command = ["docker-registry", "serve", str(tmp_path / "config.yml")]
    with Process("An open registry", command, log=tmp_path / "log") as hub:
        hub.wait_ready(lambda: port_taken(port))
        engine.images.get(tiny_image).tag(images.BASE_IMAGE)
        engine.images.push(images.BASE_IMAGE)
        engine.images.remove(images.BASE_IMAGE)
        assert ensure_base_image(engine, tmp_path / "cache") == images.BASE_IMAGE
    assert engine.images.get(images.BASE_IMAGE).id == engine.images.get(tiny_image).id
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root")
def test_a_stand_in_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standin, "debian_mirror", lambda: UNREACHABLE)
    with pytest.raises(RigError) as caught:
        make_standin(tmp_path / "standin.tar")
    first, *rest = str(caught.value).splitlines()
    assert first == (
        "The stand-in for python:3.11-slim could not be made from Debian packages "
        "(status 1)."
    )
    assert any(UNREACHABLE in line for line in rest)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("debian.sources", "Types: deb\n# an older one\nURIs: https://one.test/debian"),
        (
            "sources.list",
            "# deb http://no.test/debian x\ndeb https://one.test/debian y",
        ),
        ("sources.list", "deb [arch=amd64 trusted=yes] https://one.test/debian y main"),
    ],
)
def test_the_mirror_is_the_one_that_apt_uses(
    tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / "sources.list.d").mkdir()
    place = tmp_path if file == "sources.list" else tmp_path / "sources.list.d"
    (place / file).write_text(text)
    assert debian_mirror(tmp_path) == "https://one.test/debian"


def test_a_machine_without_a_mirror_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RigError, match=r"knows no Debian mirror to make a stand-in"):
        debian_mirror(tmp_path)
