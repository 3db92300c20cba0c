"""An engine that is away, comes back, or does not do what it is told."""

import threading

import pytest
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, waits_for


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
    run = server.wait_status(server.add_run(IMAGE), "preparing")
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
    run = server.wait_status(server.add_run(IMAGE), "preparing")
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
    run = server.wait_status(server.add_run(IMAGE), "running")
    engine.switch(up=False)
    released.set()
    server.wait(lambda: server.heartbeats >= 2)
    assert run.status == "running"
    engine.switch(up=True)
    server.wait_status(run, "completed")
    assert run.result == b'"kept"'
    assert engine.starts == [(1, 1)]
