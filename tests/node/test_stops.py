"""A run that is stopped: by its time, by a cancel, or as nobody's any more."""

import threading

from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, waits_for


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
