"""`ptm-node policy` says beforehand what a run will meet, by the same rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.node.command import failed, ptm_node
from tests.node.harness import IMAGE, write_config

RULES = [
    {"action": "refuse", "name": "not eve", "users": ["eve"]},
    {"action": "run", "functions": ["mean"], "databases": ["cancer"]},
]
MEAN: dict[str, Any] = {
    "image": "localhost:5050/ptm/summary",
    "function": "mean",
    "collaboration": 1,
}
EXPLAIN = ("--collaboration", "1", "--function", "mean", "--database", "cancer")


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(**policy: Any) -> str:
        sections = {"policy": {"rules": RULES, **policy}}
        return str(write_config(tmp_path, "https://x.example", **sections))

    return write


def explain(config: str, *arguments: str) -> str:
    done = ptm_node("policy", "explain", "--config", config, *EXPLAIN, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_explain_names_the_rule_that_decides(write: Any) -> None:
    assert explain(write(), "--image", IMAGE, "--user", "ada") == (
        "rule 1 (not eve) is about other users\nwould run: rule 2 allows it\n"
    )
    assert explain(write(), "--image", IMAGE, "--user", "eve") == (
        "would be refused: rule 1 (not eve) refuses it\n"
    )


def test_an_image_may_be_named_without_its_digest(write: Any) -> None:
    assert "would run" in explain(write(), "--image", MEAN["image"])
    assert "not on this site's list" in explain(write(), "--image", "elsewhere/x")


def test_explain_speaks_to_programs_too(write: Any) -> None:
    found = json.loads(explain(write(), "--image", IMAGE, "--json"))
    assert (found["runs"], found["rule"]) == (True, 2)


def test_examples_that_are_as_meant_are_status_0(write: Any) -> None:
    examples = [
        {"expect": "run", "databases": ["cancer"], "user": "ada", **MEAN},
        {"expect": "refuse", "databases": ["cancer"], "user": "eve", **MEAN},
        {"expect": "refuse", "databases": ["trauma"], **MEAN},
    ]
    done = ptm_node("policy", "test", "--config", write(examples=examples))
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "as meant  example 1, run",
        "as meant  example 2, refuse",
        "as meant  example 3, refuse",
    ]


def test_an_example_that_is_not_as_meant_is_named_and_status_1(write: Any) -> None:
    examples = [{"expect": "run", "user": "eve", **MEAN}]
    config = write(examples=examples)
    done = ptm_node("policy", "test", "--config", config)
    assert done.stdout.startswith("NOT AS MEANT  example 1, run: rule 1 (not eve)")
    failed(1, "policy", "test", "--config", config)
    said = ptm_node("policy", "test", "--config", config, "--json")
    assert json.loads(said.stdout)[0]["as_meant"] is False


def test_a_site_without_examples_is_told_so(write: Any) -> None:
    done = ptm_node("policy", "test", "--config", write())
    assert (done.returncode, done.stdout) == (
        0,
        "There are no [[policy.examples]] in the configuration.\n",
    )
