"""A run that is stopped: by its time, by a cancel, or as nobody's any more."""

import threading

import pytest
from ptm_node.messages import Key
from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.examples import assignment
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, waits_for
from tests.node.past import KEY, Past, completed


def test_a_run_that_was_cancelled_before_the_confirmation_never_starts(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    answer = server.fail("POST .*/report/", "hang")
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "claimed")
    server.wait(lambda: answer.met)
    server.cancel(run)
    answer.released.set()
    server.wait_status(run, "cancelled")
    assert engine.starts == []
    wait_until_clean(daemon)


def test_a_run_beyond_its_time_is_stopped(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start(limits={"time": "0.1s"})
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert (run.code, run.detail) == ("timed_out", "stopped after 0.1 seconds")
    wait_until_clean(daemon)


def test_a_run_is_cancelled_while_its_container_runs(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
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
    run = server.wait_status(server.add_run(IMAGE), "running")
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
    run = server.wait_status(server.add_run(IMAGE), "running")
    with server.changed:
        run.status = "expired"
    server.look()
    wait_until_clean(daemon)
    assert run.status == "expired"


def test_a_stop_that_was_ordered_is_carried_out_by_the_next_start(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    handle = past.started()
    past.journal.started(KEY, handle.id, at=4e9)
    past.journal.stop_ordered(KEY, "cancelled")
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "cancelled")
    wait_until_clean(daemon)


def test_a_stop_of_a_spooled_result_is_carried_out_by_the_next_start(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.stop_ordered(KEY, "cancelled")
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "cancelled")
    assert server.count("/result/") == 0
    wait_until_clean(daemon)


@pytest.mark.parametrize("reason", ["cancelled", "expired"])
def test_a_stop_of_a_run_that_never_started_is_carried_out_by_the_next_start(
    reason: str,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    past.journal.stop_ordered(KEY, reason)
    past.journal.close()
    daemon = start()
    wait_until_clean(daemon)
    daemon.drain()
    daemon.join()
    assert engine.starts == []
    if reason == "cancelled":
        assert past.run.status == "cancelled"
    assert server.count("/report/") == (1 if reason == "cancelled" else 0)


def test_a_stop_of_a_run_that_waits_for_a_slot_is_carried_out_at_once(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    second = server.add_run(IMAGE)
    second.status, second.attempt, second.claim = "claimed", 1, 1
    past.journal.record_claim(1, [assignment(Key(2, 1), IMAGE)])
    past.journal.close()
    daemon = start(limits={"concurrent_runs": 1})
    server.wait(lambda: engine.starts)
    server.cancel(second)
    server.wait_status(second, "cancelled")
    released.set()
    assert completed(server, past.run) == b"{}"
    wait_until_clean(daemon)
    assert engine.starts == [KEY]
    assert server.count("/runs/2/report/") == 1
