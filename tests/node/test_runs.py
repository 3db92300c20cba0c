"""A run from the claim to its end, on a fake engine: what is told, what is left."""

import sqlite3
import threading
from typing import Any

import pytest
from ptm_node.journal import Journal
from ptm_node.runtimes.base import Exit
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside, Program

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, waits_for, writes

OTHER = IMAGE.replace("summary", "other")


def test_a_result_arrives_and_nothing_is_left_behind(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b'{"n": 1}')
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "completed")
    assert (run.result, run.media_type) == (b'{"n": 1}', "application/json")
    assert engine.starts == [(1, 1)]
    wait_until_clean(daemon)


def test_the_server_hears_each_state(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "running")
    released.set()
    server.wait_status(run, "completed")
    assert run.history == ["claimed", "preparing", "running", "completed"]


def test_nothing_starts_before_the_server_has_confirmed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    confirmation = server.fail("POST .*/report/", "stall")
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "preparing")
    eventually(lambda: engine.containers)  # made meanwhile, which saves time
    assert engine.starts == []
    confirmation.released.set()
    server.wait_status(run, "completed")
    assert engine.starts == [(1, 1)]


def test_nothing_is_pulled_before_the_server_has_confirmed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.pullable[OTHER] = writes(b"{}")
    confirmation = server.fail("POST .*/report/", "stall")
    start()
    run = server.add_run(OTHER)
    server.wait_status(run, "preparing")
    assert OTHER not in engine.present
    confirmation.released.set()
    server.wait_status(run, "completed")
    assert OTHER in engine.present


def test_a_run_that_was_cancelled_before_the_confirmation_never_starts(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    answer = server.fail("POST .*/report/", "hang")
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "claimed")
    server.wait(lambda: answer.met)
    server.cancel(run)
    answer.released.set()
    server.wait_status(run, "cancelled")
    assert engine.starts == []
    wait_until_clean(daemon)


FAILURES: dict[str, tuple[Program, str, str, bool]] = {
    "exit status": (writes(b"{}", 3), "exit_nonzero", "exit status 3", False),
    "nothing written": (writes(b""), "output_missing", "wrote no output", False),
    "one byte too much": (writes(b"x" * 1025), "output_too_large", "1.0 kB", False),
    "stopped at the limit": (
        writes(b"x" * 1025, 1),
        "output_too_large",
        "larger than 1.0 kB",
        False,
    ),
    "SIGXFSZ": (writes(b"x", 153), "output_too_large", "1.0 kB", False),
    "out of memory": (
        lambda _: Exit(137, out_of_memory=True),
        "out_of_memory",
        "out of memory at 2.0 GB",
        False,
    ),
    "killed from outside": (
        lambda _: Exit(137),
        "runtime_unavailable",
        "ended from outside",
        True,
    ),
    "vanished": (lambda _: Exit(None), "runtime_unavailable", "vanished", True),
    "unseen end of an engine": (
        lambda _: Exit(255, witnessed=False),
        "runtime_unavailable",
        "engine went down",
        True,
    ),
    "an exit status of its own": (
        lambda _: Exit(255),
        "exit_nonzero",
        "exit status 255",
        False,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_says_whose_fault_it_is(
    name: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    program, code, detail, retry = FAILURES[name]
    engine.present[IMAGE] = program
    daemon = start(limits={"output": "1k"})
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
    assert (run.code, run.retry) == (code, retry)
    assert detail in run.detail
    assert run.result is None
    wait_until_clean(daemon)


def test_a_child_that_ran_out_of_memory_does_not_fail_a_run_that_succeeded(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    def program(inside: Inside) -> Exit:
        writes(b"{}")(inside)
        return Exit(0, out_of_memory=True)

    engine.present[IMAGE] = program
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "completed")


def test_output_of_exactly_the_limit_is_a_result(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b"x" * 1024)
    start(limits={"output": "1k"})
    run = server.add_run(IMAGE)
    server.wait_status(run, "completed")
    assert run.media_type == "application/octet-stream"


def test_an_unknown_image_is_said_to_be_unknown(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    run = server.add_run(OTHER)
    server.wait_status(run, "failed")
    assert run.code == "image_not_found"
    wait_until_clean(daemon)


def test_an_output_that_became_a_link_is_not_followed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    def program(inside: Inside) -> int:
        output = inside.file("/app/output.txt")
        output.unlink()
        output.symlink_to("/etc/passwd")
        return 0

    engine.present[IMAGE] = program
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
    assert run.code == "output_invalid"


def test_a_run_beyond_its_time_is_stopped(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start(limits={"time": "0.1s"})
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
    assert (run.code, run.detail) == ("timed_out", "stopped after 0.1 seconds")
    wait_until_clean(daemon)


def test_a_run_is_cancelled_while_its_container_runs(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "running")
    server.cancel(run)
    server.wait_status(run, "cancelled")
    wait_until_clean(daemon)
    assert run.result is None


def test_a_cancelled_run_is_confirmed_only_when_its_container_has_ended(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    asked, allowed = threading.Event(), threading.Event()

    def stubborn(inside: Inside) -> int:
        inside.asked_to_end.wait()
        asked.set()
        allowed.wait()
        return 0

    engine.present[IMAGE] = stubborn
    start(limits={"stop_grace": "10s"})
    run = server.add_run(IMAGE)
    server.wait_status(run, "running")
    server.cancel(run)
    assert asked.wait(5)
    server.look()
    assert run.status == "running"
    allowed.set()
    server.wait_status(run, "cancelled")


def test_a_result_that_was_finished_before_a_cancel_is_discarded(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    upload = server.fail("POST .*/result/", "503", times=1000)
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait(lambda: upload.met)
    server.cancel(run)
    server.wait_status(run, "cancelled")
    assert run.result is None
    wait_until_clean(daemon)


def test_a_run_that_belongs_to_another_is_stopped_without_a_word(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "running")
    with server.changed:
        run.status = "expired"
    server.look()
    wait_until_clean(daemon)
    assert run.status == "expired"


def test_a_foreign_image_is_refused_by_the_site(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    run = server.add_run("evil.example/miner@sha256:" + "b" * 64)
    server.wait_status(run, "rejected")
    assert run.code == "policy_refused"
    assert engine.starts == []
    wait_until_clean(daemon)


def test_an_unknown_database_goes_back_for_another_node(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start(limits={"concurrent_runs": 1})
    run = server.add_run(IMAGE, databases=[{"label": "secret"}])
    server.wait(lambda: run.history[:2] == ["claimed", "queued"])
    assert run.code == "database_unknown"


def test_no_more_runs_are_claimed_than_may_run_at_once(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing but a slot that becomes free makes the node ask for the rest.
    monkeypatch.setattr("ptm_node.dispatch._LOOK_SECONDS", 1e6)
    server.heartbeat_seconds = 300.0
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start(limits={"concurrent_runs": 2})
    runs = [server.add_run(IMAGE) for _ in range(4)]
    server.wait(lambda: sum(run.status == "running" for run in runs) == 2)
    server.wait(lambda: server.claims and server.claims[-1]["capacity"] == 0)
    assert sum(run.status == "queued" for run in runs) == 2
    released.set()
    server.wait(lambda: all(run.status == "completed" for run in runs))
    assert sorted(engine.starts) == [(n, 1) for n in (1, 2, 3, 4)]


def test_the_log_stays_at_the_site(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = _talks
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "completed")
    wait_until_clean(daemon)
    assert (daemon.state / "logs" / "1-1.log").read_bytes() == b"one\ntwo\n"
    assert not run.log
    assert server.count("/log/") == 0


def test_a_log_that_is_shared_arrives_even_if_replies_get_lost(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = _talks
    server.fail("PATCH .*/log/", "lose", times=2)
    start(policy={"share_log": True})
    run = server.add_run(IMAGE)
    server.wait(lambda: bytes(run.log) == b"one\ntwo\n")


def test_a_server_that_always_finds_the_log_wrong_is_not_flooded(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = _talks
    server.heartbeat_seconds = 1.0
    server.fail("PATCH .*/log/", "409", code="offset_conflict", times=10_000)
    start(policy={"share_log": True})
    server.wait_status(server.add_run(IMAGE), "completed")
    server.wait(lambda: server.heartbeats >= 20)
    assert 0 < server.count("/log/") < 60


def test_a_log_has_an_end(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    def floods(inside: Inside) -> int:
        for _ in range(100):
            inside.log("x" * 100)
        return int(writes(b"{}")(inside))

    engine.present[IMAGE] = floods
    daemon = start(policy={"share_log": True}, limits={"log": "1k"})
    run = server.add_run(IMAGE)
    server.wait(lambda: bytes(run.log) == b"x" * 1024)
    wait_until_clean(daemon)
    assert (daemon.state / "logs" / "1-1.log").stat().st_size == 1024


def _talks(inside: Inside) -> int:
    inside.log("one\n")
    inside.log("two\n")
    return int(writes(b"{}")(inside))


def test_an_engine_that_is_away_gets_no_work(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.switch(up=False)
    daemon = start()
    server.wait(lambda: server.claims)
    run = server.add_run(IMAGE)
    server.wait(lambda: server.heartbeats >= 2)
    assert {claim["capacity"] for claim in server.claims} == {0}
    assert run.status == "queued"
    engine.switch(up=True)
    server.wait_status(run, "completed")
    wait_until_clean(daemon)


def test_a_run_that_meets_a_missing_engine_is_tried_again_elsewhere(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    answer = server.fail("POST .*/report/", "stall")
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "preparing")
    eventually(lambda: engine.containers)
    engine.switch(up=False)
    answer.released.set()
    server.wait_status(run, "failed")
    assert (run.code, run.retry) == ("runtime_unavailable", True)
    assert engine.containers  # could not be removed yet
    engine.switch(up=True)
    wait_until_clean(daemon)


def test_a_container_that_could_not_be_removed_is_removed_later(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remove = FakeRuntime.remove
    refusals = iter([False])
    monkeypatch.setattr(
        FakeRuntime,
        "remove",
        lambda runtime, handle: next(refusals, True) and remove(runtime, handle),
    )
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")
    wait_until_clean(daemon)
    assert next(refusals, None) is None  # one was refused


def test_an_engine_that_comes_back_costs_no_container_that_is_being_made(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    confirmation = server.fail("POST .*/report/", "stall")
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "preparing")
    eventually(lambda: engine.containers)
    _switch(server, engine, up=False)
    _switch(server, engine, up=True)
    server.wait(lambda: server.claims[-1]["capacity"] > 0)
    confirmation.released.set()
    server.wait_status(run, "completed")


def _switch(server: FakeServer, engine: FakeEngine, *, up: bool) -> None:
    """Until the node has noticed."""
    before = len(server.claims)
    engine.switch(up=up)
    server.wait(lambda: len(server.claims) > before)


def test_a_container_outlives_the_engine_and_is_attended_again(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released, b'"kept"')
    start()
    run = server.add_run(IMAGE)
    server.wait_status(run, "running")
    engine.switch(up=False)
    released.set()
    server.wait(lambda: server.heartbeats >= 2)
    assert run.status == "running"
    engine.switch(up=True)
    server.wait_status(run, "completed")
    assert run.result == b'"kept"'
    assert engine.starts == [(1, 1)]


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
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
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
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
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
    run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
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
    run = server.add_run(IMAGE)
    server.wait_status(run, "completed")
    assert (run.attempt, engine.starts) == (1, [(1, 1)])
    wait_until_clean(daemon)
