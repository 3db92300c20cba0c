"""The journal: what is in it is true after any end of the process."""

import sqlite3
from pathlib import Path

import pytest
from ptm_node.journal import Journal, Output, Phase
from ptm_node.messages import Code, Held, Key, Report, Status

from tests.node.examples import assignment
from tests.node.harness import IMAGE

FIRST, SECOND = Key(1, 1), Key(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(path)


def reopened(path: Path) -> Journal:
    """As another process would find it; the first one is never closed properly."""
    return Journal(path)


def test_a_claim_and_its_runs_are_kept_together(journal: Journal, path: Path) -> None:
    claimed = [assignment(FIRST, IMAGE), assignment(SECOND, IMAGE)]
    journal.record_claim(7, claimed)
    later = reopened(path)
    assert [row.assignment for row in later.rows()] == claimed
    assert {row.phase for row in later.rows()} == {Phase.CLAIMED}
    holdings = later.holdings()
    assert holdings.last_claim == 7
    assert holdings.held == [Held(1, 1), Held(2, 3)]
    assert holdings.stopping == []


def test_a_claim_that_cannot_be_kept_whole_is_not_kept_at_all(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Journal._insert

    def breaks(self: Journal, each: object) -> bool:
        if each.run == SECOND.run:  # type: ignore[attr-defined]
            raise sqlite3.OperationalError("database or disk is full")
        return insert(self, each)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "_insert", breaks)
    with pytest.raises(sqlite3.OperationalError):
        journal.record_claim(7, [assignment(FIRST, IMAGE), assignment(SECOND, IMAGE)])
    assert reopened(path).rows() == []
    assert reopened(path).holdings().last_claim == 0
    monkeypatch.undo()
    journal.record_claim(7, [assignment(SECOND, IMAGE)])
    assert reopened(path).holdings().last_claim == 7


def test_a_run_that_comes_twice_is_new_once(journal: Journal) -> None:
    rows = journal.record_claim(1, [assignment(FIRST, IMAGE)])
    assert [row.key for row in rows] == [FIRST]
    journal.started(FIRST, "c", at=5.0)
    assert journal.record_claim(1, [assignment(FIRST, IMAGE)]) == []
    (row,) = journal.rows()
    assert row.phase is Phase.STARTED


def test_each_phase_is_remembered(journal: Journal, path: Path) -> None:
    journal.record_claim(1, [assignment(FIRST, IMAGE)])
    journal.started(FIRST, "abc", at=5.5)
    output = Output("f" * 64, 10, "application/json")
    journal.spooled(FIRST, output)
    row = reopened(path).row(FIRST)
    assert row is not None
    assert (row.container, row.started_at) == ("abc", 5.5)
    assert (row.phase, row.output) == (Phase.SPOOLED, output)
    report = Report(1, Status.FAILED, Code.INTERNAL, "why", retry=True)
    journal.ended(FIRST, report)
    row = reopened(path).row(FIRST)
    assert row is not None
    assert (row.phase, row.report) == (Phase.ENDED, report)
    journal.forget(FIRST)
    assert reopened(path).row(FIRST) is None


def test_what_is_about_to_end_is_said_to_be(journal: Journal) -> None:
    journal.record_claim(1, [assignment(key, IMAGE) for key in (FIRST, SECOND)])
    journal.stop_ordered(SECOND, "cancelled")
    assert journal.holdings().stopping == [2]
    journal.ended(FIRST, Report(1, Status.FAILED))
    assert journal.holdings().stopping == [1, 2]


def test_two_attempts_of_a_run_do_not_meet(journal: Journal) -> None:
    first, second = Key(1, 1), Key(1, 2)
    journal.record_claim(1, [assignment(key, IMAGE) for key in (first, second)])
    journal.forget(first)
    assert [row.key for row in journal.rows()] == [second]


def test_boots_only_grow(journal: Journal, path: Path) -> None:
    first = journal.begin_life(now=1000.0)
    assert first == 1_000_000
    again = reopened(path)
    assert again.begin_life(now=10.0) == first + 1  # a clock that went back
    assert again.begin_life(now=2000.0) == 2_000_000


def test_a_journal_that_was_lost_begins_a_higher_life(tmp_path: Path) -> None:
    old = Journal(tmp_path / "old").begin_life(now=1000.0)
    assert Journal(tmp_path / "new").begin_life(now=1001.0) > old


def test_an_answered_write_is_on_the_disk(journal: Journal, path: Path) -> None:
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    check.close()
    # FULL (2): each commit is synced.
    assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2
