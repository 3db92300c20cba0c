"""Faults of the site or of the node itself: told as such, and no end is lost."""

import sqlite3
from typing import Any

import pytest
from ptm_node.journal import Journal
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, writes


def test_a_full_disk_is_not_the_algorithms_fault(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ptm_node.spool.os.fsync", no_room)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert (run.code, run.retry) == ("disk_full", True)
    wait_until_clean(daemon)


def test_a_mistake_of_the_nodes_own_is_not_told_in_detail(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any) -> None:
        raise ValueError("/secret/path of Erika Mustermann")

    monkeypatch.setattr("ptm_node.runs.ptm.lay_out", breaks)
    start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "internal"
    assert run.detail == "the node met an error; its log says more"


def test_a_journal_that_cannot_be_written_for_a_while_loses_no_end(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.present[IMAGE] = writes(b"", 5)
    ended = Journal.ended
    full = iter([True, True])

    def write(self: Journal, *arguments: Any) -> None:
        if next(full, False):
            raise sqlite3.OperationalError("database or disk is full")
        ended(self, *arguments)

    monkeypatch.setattr(Journal, "ended", write)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "exit_nonzero"
    wait_until_clean(daemon)


def test_a_claim_that_cannot_be_written_down_is_asked_for_again(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = Journal.record_claim
    full = iter([True, True, True])

    def write(self: Journal, *arguments: Any) -> Any:
        if next(full, False):
            raise sqlite3.OperationalError("database or disk is full")
        return record(self, *arguments)

    monkeypatch.setattr(Journal, "record_claim", write)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "completed")
    assert (run.attempt, engine.starts) == (1, [(1, 1)])
    wait_until_clean(daemon)
