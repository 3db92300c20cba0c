"""What shows too few patients stays at the site, whatever the algorithm meant."""

import json
from pathlib import Path
from typing import Any

import pytest
from ptm_node import disclosure
from ptm_node.errors import RunFailure
from ptm_node.runtimes.fake import FakeEngine
from ptm_node.sections import Policy

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, writes


def withheld(folder: Path, content: bytes, **policy: Any) -> str:
    """What the server is told, or nothing if it may leave."""
    result = folder / "result"
    result.write_bytes(content)
    try:
        disclosure.check(result, Policy(**policy))
    except RunFailure as failure:
        return f"{failure.status}, {failure.code}: {failure.detail}"
    return ""


@pytest.mark.parametrize(
    "shown",
    [
        {"n": 9},
        {"n": 1},
        {"n": 9.5},
        {"count": 3},
        [{"n": 10}, {"n": 9}],
        {"columns": {"age": {"groups": {"all": {"n": 4, "mean": 1}}}}},
        {"n": [12, 3], "mean": [1, 2]},
        {"columns": ["mean", "n"], "data": [[0.5, 12], [0.7, 2]]},
        {"a": {"columns": ["n"], "data": [[2]]}},
    ],
)
def test_a_small_count_is_found_wherever_it_stands(shown: Any, tmp_path: Path) -> None:
    said = withheld(tmp_path, json.dumps(shown).encode())
    assert said == (
        "withheld, policy_refused: the result was withheld: it holds a count below 10,"
        " this site's minimum"
    )


@pytest.mark.parametrize(
    "shown",
    [
        {},
        None,
        "n",
        {"n": 10},
        {"n": 0},  # that there is nobody
        {"n": None},
        {"n": True},
        {"n": "3"},
        {"N": 3},
        {"mean": 3, "missing": 1},
        {"columns": ["n", "mean"], "data": [[12, 3], "3", [14]]},
        {"columns": "n", "data": [[3]]},
    ],
)
def test_other_numbers_may_leave(shown: Any, tmp_path: Path) -> None:
    assert withheld(tmp_path, json.dumps(shown).encode()) == ""


def test_the_site_says_what_is_small_and_what_a_count_is_called(tmp_path: Path) -> None:
    shown = b'{"n": 4, "patients": 9}'
    assert withheld(tmp_path, shown, min_count=4) == ""
    assert withheld(tmp_path, shown, min_count=5) != ""
    assert withheld(tmp_path, shown, count_names=("patients",), min_count=9) == ""
    assert withheld(tmp_path, shown, count_names=("patients",)) != ""
    assert withheld(tmp_path, shown, count_names=()) == ""


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG", b'{"n": 3', b"n;mean\n3;1\n", b"[" * 9_000, b" " * (8 << 20) + b"{}"],
)
def test_what_cannot_be_looked_through_stays_where_the_site_wants_that(
    content: bytes, tmp_path: Path
) -> None:
    assert withheld(tmp_path, content) == ""
    said = withheld(tmp_path, content, only_checked=True)
    assert said.endswith("the result was withheld: it could not be looked through")


def test_a_site_may_keep_its_reasons_to_itself(tmp_path: Path) -> None:
    said = withheld(tmp_path, b'{"n": 3}', share_reasons=False)
    assert said.endswith("the result was withheld: the site does not say why")


def test_a_withheld_result_leaves_nothing_behind_and_is_not_sent(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b'{"n": 3}')
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "withheld")
    assert (run.code, run.detail.partition(":")[0]) == (
        "policy_refused",
        "the result was withheld",
    )
    assert server.count("POST .*/result/") == 0
    wait_until_clean(daemon)
