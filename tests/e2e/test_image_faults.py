"""Images that behave badly end in the right state, and say whose fault it was."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.researcher import Researcher, moves, site_of
from tests.e2e.site_node import NORTH, SOUTH, SiteNode
from tools.rig.platform import Platform
from tools.rig.process import wait_until

# What the probe's `exits_one` prints to stderr.
PATIENT = "Mustermann"
LOG_SECONDS = 10
FAULTS = [
    ("silent", {}, "output_missing"),
    ("floods_output", {"quiet": True}, "output_too_large"),
    ("floods_output", {"quiet": False}, "output_too_large"),
    ("runs_forever", {}, "timed_out"),
    ("ignores_stop", {}, "timed_out"),
    ("eats_memory", {}, "out_of_memory"),
]


@pytest.mark.parametrize(("function", "arguments", "code"), FAULTS)
def test_a_faulty_image_fails_with_a_code_and_without_a_result(
    three_sites: dict[str, SiteNode],
    researcher: Researcher,
    function: str,
    arguments: dict[str, Any],
    code: str,
) -> None:
    north = three_sites[NORTH]
    run = researcher.ended_run(researcher.send(function, NORTH, **arguments))
    assert (run["status"], run["code"]) == ("failed", code)
    assert run["detail"]
    assert run["result"] is None
    assert moves(run).count("failed") == 1
    assert {event["attempt"] for event in run["history"]} == {1}
    assert north.starts(run) == 1
    north.assert_done()


def test_a_site_that_shares_no_logs_lets_no_word_of_a_container_out(
    platform: Platform, three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    task = researcher.send("exits_one", SOUTH)
    run = researcher.ended_run(task)
    assert (run["status"], run["code"]) == ("failed", "exit_nonzero")
    assert run["detail"] == "exit status 1"
    paths = ["tasks/", f"tasks/{task['id']}/", "runs/", f"runs/{run['id']}/"]
    paths += [f"runs/{run['id']}/log/", "results/", f"tasks/{task['id']}/results.zip"]
    for path in paths:
        assert PATIENT not in researcher.api.get(path).text
    stored = [path for path in platform.server.folder.rglob("*") if path.is_file()]
    assert platform.server.folder / "db.sqlite3" in stored
    assert [file for file in stored if PATIENT.encode() in file.read_bytes()] == []
    # The site itself can read what happened.
    assert PATIENT in three_sites[SOUTH].kept_log(run)


def test_a_container_reaches_nothing(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    run = researcher.ended_run(researcher.send("tries_network", NORTH))
    assert run["status"] == "completed"
    found = researcher.result(run)
    assert found["reached"] == []
    assert len(found["attempts"]) > 3


def test_a_flood_of_log_is_cut_and_harms_nobody(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    limit = 64 << 10
    run = researcher.ended_run(researcher.send("floods_log", NORTH, megabytes=20))
    assert run["status"] == "completed"
    assert researcher.result(run) == {"megabytes": 20}
    assert len(three_sites[NORTH].kept_log(run)) == limit
    # The log follows the result.
    assert wait_until(lambda: researcher.log(run) != "", LOG_SECONDS)
    assert len(researcher.log(run)) <= limit


def test_processes_and_temporary_files_are_limited(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    forks = researcher.send("forks", NORTH)
    fills = researcher.send("fills_tmp", NORTH)
    forked = researcher.result(researcher.ended_run(forks))
    assert 0 < forked["processes"] < 32
    assert forked["refused"] == "EAGAIN"
    filled = researcher.result(researcher.ended_run(fills))
    assert filled == {"bytes": 32 << 10, "refused": "ENOSPC"}


def test_a_child_that_was_killed_for_its_memory_is_no_failure_by_itself(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    run = researcher.ended_run(researcher.send("loses_child", NORTH))
    assert run["status"] == "completed"
    assert researcher.result(run) == {"child": -9}


def test_one_site_that_fails_does_not_fail_the_other(
    platform: Platform, three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    task = researcher.send("eats_memory", NORTH, SOUTH, megabytes=64)
    runs = {site_of(run): run for run in researcher.ended(task)}
    assert runs[NORTH]["status"] == "completed"
    assert researcher.result(runs[NORTH]) == {"megabytes": 64}
    assert (runs[SOUTH]["status"], runs[SOUTH]["code"]) == ("failed", "out_of_memory")
    finished = researcher.api.get(f"tasks/{task['id']}/").json()
    assert finished["status"] == "finished"
    assert finished["runs_by_status"] == {"completed": 1, "failed": 1}
    assert [*researcher.api.results(task)] == [NORTH]
    assert len(_files(platform.server.folder / "uploads")) == 0


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
