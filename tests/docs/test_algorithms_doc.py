"""docs/algorithms.md does what it says: its files are written, its commands are run."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.docs.pages import ROOT, Desk, blocks_of, follow
from tools.rig.engine import docker_engine
from tools.rig.images import build, ensure_base_image
from tools.rig.process import free_port
from tools.rig.registry import Registry

DOC = (ROOT / "docs/algorithms.md").read_text()
SCHEMA = json.loads((ROOT / "apps/algorithms/manifest.schema.json").read_text())
BLOCKS = blocks_of(DOC)
PUSHED = ("demo/mean", "demo/rows")


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="module")
def desk(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with Registry(tmp_path_factory.mktemp("registry"), free_port()) as registry:
        for repository in PUSHED:  # their base image is large
            registry.lend(repository)
        (folder / "registry.password").write_text(registry.passwords["publisher"])
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DOCKER_CONFIG": str(tmp_path_factory.mktemp("docker-config")),
            "REGISTRY": registry.host,
            "PYTASKMANAGER": str(ROOT),
            "PYTHON_IMAGE": ensure_base_image(engine),
        }
        yield Desk(folder, environment)
        _forget_images(engine, registry.host)


def _forget_images(engine: docker.DockerClient, host: str) -> None:
    for image in engine.images.list():
        for tag in image.tags:
            if tag.startswith(f"{host}/"):
                engine.images.remove(tag)


@pytest.fixture(scope="module")
def followed(desk: Desk) -> Desk:
    """The page, followed from top to bottom."""
    follow(desk, BLOCKS)
    return desk


@pytest.mark.docker
def test_the_page_can_be_followed(followed: Desk) -> None:
    registry = followed.environment["REGISTRY"]
    again = followed.run(f"docker pull --quiet {registry}/demo/mean:1.0")
    assert again.returncode == 0, again.stdout


BAD_COLUMNS = ["grade", "weight", ""]


@pytest.mark.docker
@pytest.mark.parametrize("column", BAD_COLUMNS)
def test_the_smallest_algorithm_fails_without_quoting_the_data(
    followed: Desk, column: str
) -> None:
    call = json.dumps({"method": "mean", "kwargs": {"column": column}})
    done = followed.run(f"sh try.sh $REGISTRY/demo/mean:1.0 '{call}' patients.csv")
    assert done.returncode == 1
    assert done.stdout.startswith("The column does not exist")


@pytest.mark.docker
def test_the_trial_is_a_sandbox(followed: Desk, engine: docker.DockerClient) -> None:
    tag = "ptm-test/probe:latest"
    base = followed.environment["PYTHON_IMAGE"]
    build(engine, ROOT / "tests/images/probe", tag, base)
    done = followed.run(f"""sh try.sh {tag} '{{"method": "echo"}}' patients.csv""")
    seen = json.loads(done.stdout)
    assert seen["interfaces"] == ["lo"]
    assert int(seen["process"]["CapEff"], 16) == 0
    assert seen["process"]["NoNewPrivs"] == "1"
    written = {place for place, writable in seen["writable"].items() if writable}
    assert written == {"/tmp", "/app/output.txt"}  # noqa: S108


def _members(definition: str) -> set[str]:
    names: set[str] = set(SCHEMA["$defs"][definition]["properties"])
    return names


def test_the_page_names_every_member_of_a_manifest() -> None:
    names = set(SCHEMA["properties"])
    for definition in (
        "function",
        "database",
        "returns",
        "view",
        "column",
        "schema",
    ):
        names |= _members(definition)
    assert {name for name in names if f"`{name}`" not in DOC} == set()
