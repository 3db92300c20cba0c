"""docs/algorithms.md does what it says: its files are written, its commands are run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tools.rig.engine import docker_engine
from tools.rig.images import build, ensure_base_image
from tools.rig.process import free_port
from tools.rig.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs/algorithms.md").read_text()
SCHEMA = json.loads((ROOT / "apps/algorithms/manifest.schema.json").read_text())

BLOCK = re.compile(r"<!-- (\w+)(?:: ([^\n]*?))? -->\n```\w+\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block, and what the comment above it says to do with it."""

    action: str
    detail: str | None
    text: str


BLOCKS = [Block(*match.groups()) for match in BLOCK.finditer(DOC)]


@dataclass(frozen=True)
class Desk:
    """An empty folder of somebody who follows the page, and the environment."""

    folder: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )


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
    said = ""
    for block in BLOCKS:
        if block.action == "file":
            assert block.detail
            desk.write(block.detail, block.text)
        elif block.action == "output":
            assert said.strip() == block.text.strip()
        else:
            done = desk.run(block.text)
            said = done.stdout
            expected = int((block.detail or "exits 0").removeprefix("exits "))
            assert done.returncode == expected, said
    return desk


def test_every_block_says_what_to_do_with_it() -> None:
    assert len(BLOCKS) == len(re.findall(r"^```\w+$", DOC, re.M)) > 10
    assert {block.action for block in BLOCKS} == {"file", "run", "output"}


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
    for definition in ("function", "database", "returns", "view", "schema"):
        names |= _members(definition)
    assert {name for name in names if f"`{name}`" not in DOC} == set()
