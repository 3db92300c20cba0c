"""The failpoints lie where the recipes say."""

import os
import subprocess
import sys
from pathlib import Path

from tools.drills.node_points import NODE_POINTS
from tools.drills.points import FOLDER
from tools.drills.recipes.kills import AT_NODE, AT_NODE_OF_A_FAILURE
from tools.rig.folders import ROOT


def test_a_node_is_killed_at_every_point_that_it_has() -> None:
    killed_at = AT_NODE.keys() | AT_NODE_OF_A_FAILURE.keys()
    assert {point.name for point in NODE_POINTS} == killed_at
    for point in NODE_POINTS:
        assert callable(getattr(point.owner, point.function))


def test_the_server_has_every_function_that_it_is_killed_at(tmp_path: Path) -> None:
    """In a process of its own: the entry puts wrappers around them."""
    subprocess.run(
        [sys.executable, "-c", "import tools.drills.server_points"],
        env={**os.environ, "PTM_DATA": str(tmp_path), FOLDER: str(tmp_path)},
        cwd=ROOT,
        check=True,
    )
