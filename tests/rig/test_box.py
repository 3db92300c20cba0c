"""The node's image holds what the node needs, in the versions that are tested."""

import re
import tomllib
from importlib.metadata import version

from tools.rig.box import DEPLOYED, REQUIREMENTS
from tools.rig.folders import ROOT

PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", REQUIREMENTS.read_text(), re.M))


def test_its_packages_are_those_that_the_tests_run_with() -> None:
    assert {name: version(name) for name in PINS} == PINS


def test_none_that_the_node_asks_for_is_missing() -> None:
    project = tomllib.loads((ROOT / "node_client" / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"]
    asked += project["project"]["optional-dependencies"]["sql"]
    names = {re.split(r"[\[~]", each)[0].lower() for each in asked}
    assert len(names) >= 10
    assert names <= set(PINS)


def test_nothing_else_of_the_repository_is_sent_to_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = re.findall(
        r"^COPY (?!--from)(\S+) ", (DEPLOYED / "Dockerfile").read_text(), re.M
    )
    assert sent == set(copied)
