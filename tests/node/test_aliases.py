"""A collaboration calls a database as it likes; the site's own label stays its own."""

from pathlib import Path
from typing import Any

import pytest
from ptm_node import config, policy
from ptm_node.announcing import shared
from ptm_node.errors import ConfigError, RunFailure
from ptm_node.messages import Key, Named, Task
from ptm_node.rules import decide, question_of
from ptm_node.sections import Config

from tests.node.conftest import StartDaemon
from tests.node.examples import assignment
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, write_config

RULES = [
    {"action": "refuse", "databases": ["trauma"]},
    {"action": "run", "databases": ["cancer_2024"]},
]


def databases(folder: Path) -> dict[str, Any]:
    table = folder / "table.csv"
    table.touch(mode=0o644)
    common = {"type": "csv", "uri": str(table), "collaborations": [1, 2]}
    return {
        "cancer_2024": {**common, "aliases": {"1": "registry"}},
        "trauma": {**common, "aliases": {"1": "trauma_a", "2": "trauma_b"}},
    }


@pytest.fixture
def site(tmp_path: Path) -> Config:
    sections = {"databases": databases(tmp_path), "policy": {"rules": RULES}}
    return config.load(write_config(tmp_path, "https://x.example", **sections))


def asked(label: str, collaboration: int = 1) -> Any:
    task = Task(4, "a task", Named(collaboration, "any"), Named(2, "elsewhere"))
    return assignment(Key(1, 1), IMAGE, labels=(label,), task=task)


def test_the_alias_is_the_name_in_its_collaboration_alone(site: Config) -> None:
    assert [*policy.check(site, asked("registry", 1)).databases] == ["registry"]
    assert [*policy.check(site, asked("cancer_2024", 2)).databases] == ["cancer_2024"]
    with pytest.raises(RunFailure, match="database_unknown"):
        policy.check(site, asked("cancer_2024", 1))
    with pytest.raises(RunFailure, match="policy_refused"):
        policy.check(site, asked("registry", 2))


def test_rules_see_the_sites_own_label(site: Config) -> None:
    verdict = decide(site, question_of(asked("registry")))
    assert (verdict.runs, verdict.rule) == (True, 2)
    assert decide(site, question_of(asked("trauma_a"))).rule == 1
    assert decide(site, question_of(asked("trauma_b", 2))).rule == 1


def test_shared_rules_speak_the_collaborations_names(site: Config) -> None:
    refuses, runs = shared(site).rules
    assert refuses.databases == ["trauma_a", "trauma_b"], "its own label is kept"
    assert runs.databases == ["registry", "cancer_2024"]


def test_each_collaboration_is_told_its_own_name(
    server: FakeServer, start: StartDaemon, tmp_path: Path
) -> None:
    start(databases=databases(tmp_path))
    server.wait(lambda: server.hellos)
    offers = server.hellos[0]["announce"]["collaborations"]
    assert {o["id"]: [d["label"] for d in o["databases"]] for o in offers} == {
        1: ["registry", "trauma_a"],
        2: ["cancer_2024", "trauma_b"],
    }


@pytest.mark.parametrize(
    ("aliases", "problem"),
    [
        ({"1": "trauma"}, "another database is called trauma"),
        ({"1": "trauma_b"}, "another database is called trauma_b"),
        ({"3": "registry"}, "it is not released to collaboration 3"),
        ({"1": "Registry"}, "an alias has lower-case letters"),
        ({"one": "registry"}, "Expected `int`"),
    ],
)
def test_a_name_that_would_mislead_is_a_mistake(
    aliases: dict[str, str], problem: str, tmp_path: Path
) -> None:
    found = databases(tmp_path)
    found["cancer_2024"]["aliases"] = aliases
    path = write_config(tmp_path, "https://x.example", databases=found)
    with pytest.raises(ConfigError, match=problem) as mistake:
        config.load(path)
    assert "aliases" in str(mistake.value)
    assert ", line " in str(mistake.value)
