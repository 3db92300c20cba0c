"""Images and tables for the tests of algorithms."""

from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pandas as pd
import pytest

from tools.demo.sites import all_patients
from tools.rig.engine import docker_engine
from tools.rig.images import build, ensure_base_image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    with docker_engine() as client:
        yield client


@pytest.fixture(scope="session")
def build_image(engine: docker.DockerClient) -> Callable[[str], str]:
    """Builds a folder of this repository; returns the image's name."""
    base = ensure_base_image(engine)

    def build_folder(folder: str) -> str:
        tag = f"ptm-test/{Path(folder).name}:latest"
        build(engine, ROOT / folder, tag, base)
        return tag

    return build_folder


@pytest.fixture(scope="session")
def gbsg2() -> pd.DataFrame:
    """686 patients of the German Breast Cancer Study Group."""
    return all_patients()


@pytest.fixture
def thirds(gbsg2: pd.DataFrame, tmp_path: Path) -> list[Path]:
    """The patients at three sites of unequal size, as CSV files."""
    paths = []
    for index, (first, last) in enumerate([(0, 120), (120, 351), (351, 686)]):
        paths.append(tmp_path / f"site-{index}.csv")
        gbsg2.iloc[first:last].to_csv(paths[-1], index=False)
    return paths
