"""How a daemon ends: drained, at once, or because the server says so."""

import threading

import pytest
from ptm_node.errors import StateInUse
from ptm_node.journal import Phase
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, waits_for

SUPERSEDED = "instance_superseded"
SAID = ["claim", "heartbeat", "report", "result"]


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        ("claim", "401", "node_revoked"),
        ("hello", "401", "not_authenticated"),
        ("hello", "409", SUPERSEDED),
        ("result", "401", "node_revoked"),
        ("hello", "426", "protocol_unsupported"),
    ],
)
def test_an_answer_that_is_final_ends_the_daemon(
    request_line: str,
    status: str,
    code: str,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    server.heartbeat_seconds = 1.0
    server.fail(f"POST .*/{request_line}/", status, code=code)
    daemon = start()
    server.add_run(IMAGE)
    daemon.join()
    assert daemon.error is not None
    assert daemon.error.exit_code == 3


def test_a_revoked_node_leaves_no_container(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "running")
    server.fail("POST", "401", code="node_revoked")
    server.look()
    daemon.join()
    assert not engine.containers
    assert not list((daemon.state / "work").iterdir())


def test_a_superseded_node_leaves_its_containers_to_the_newer_one(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "running")
    server.boot, server.instance = server.boot + 1, "newer"
    server.look()
    daemon.join()
    assert daemon.error is not None
    assert daemon.error.exit_code == 3
    assert len(engine.containers) == 1
    assert len(server.hellos) == 1


@pytest.mark.parametrize("request_line", SAID)
def test_whatever_meets_it_first_a_superseded_node_ends(
    request_line: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.heartbeat_seconds = 1.0
    daemon = start()
    server.wait(lambda: server.hellos)
    again = server.fail("POST .*/hello/", "409", code=SUPERSEDED)
    server.fail(f"POST .*/{request_line}/", "409", code=SUPERSEDED)
    server.add_run(IMAGE)
    daemon.join()
    assert daemon.error is not None
    assert daemon.error.exit_code == 3
    assert again.met


@pytest.mark.parametrize("request_line", SAID)
def test_a_server_that_has_forgotten_this_start_is_told_of_it_again(
    request_line: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    """Its database was put back from a copy."""
    server.heartbeat_seconds = 1.0
    forgotten = server.fail(f"POST .*/{request_line}/", "409", code=SUPERSEDED)
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")
    server.wait(lambda: forgotten.met and len(server.hellos) > 1)
    assert daemon.error is None
    wait_until_clean(daemon)


def test_draining_claims_nothing_new_and_finishes_what_runs(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    daemon = start()
    active = server.wait_status(server.add_run(IMAGE), "running")
    daemon.drain()
    late = server.add_run(IMAGE)
    before = len(server.claims)
    server.look()
    server.wait(lambda: len(server.claims) > before)
    released.set()
    daemon.join()
    assert active.status == "completed"
    assert late.status == "queued"
    assert server.goodbyes == 1
    wait_until_clean(daemon)


def test_a_cancel_is_heard_while_the_daemon_drains(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    daemon.drain()
    server.cancel(run)
    daemon.join()
    assert run.status == "cancelled"


def test_draining_without_work_ends_at_once(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    server.wait(lambda: server.claims)
    daemon.drain()
    daemon.join()
    assert server.goodbyes == 1
    assert daemon.error is None


def test_draining_ends_even_if_the_server_was_never_reached(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    tried = server.fail(".", "drop", times=10_000)
    daemon = start()
    server.wait(lambda: tried.met)
    daemon.drain()
    daemon.join()


def test_draining_does_not_wait_for_a_server_that_is_away(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    away = server.fail(".", "drop", times=10_000)
    daemon.drain()
    released.set()
    daemon.join()
    assert run.status == "running"
    assert [row.phase for row in daemon.journal()] == [Phase.SPOOLED]
    away.times = 0
    again = start()
    server.wait_status(run, "completed")
    wait_until_clean(again)
    assert engine.starts == [(1, 1)]


def test_a_run_that_could_not_begin_is_given_back(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    busy = server.fail("POST .*/report/", "503", Retry_After="9999")
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait(lambda: busy.met)
    daemon.drain()
    daemon.join()
    assert (run.status, run.code) == ("queued", "node_stopping")
    assert engine.starts == []
    assert not daemon.journal()


def test_a_run_that_could_not_even_be_given_back_is_so_by_the_next_start(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    busy = server.fail("POST .*/report/", "503", times=1000, Retry_After="9999")
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait(lambda: busy.met)
    daemon.drain()
    daemon.join()
    assert run.status == "claimed"
    busy.times = 0
    start()
    server.wait(lambda: "queued" in run.history)
    assert run.code == "node_stopping"


def test_leaving_at_once_leaves_the_container_to_the_next_start(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released, b'"adopted"')
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    eventually(lambda: [row.phase for row in daemon.journal()] == [Phase.STARTED])
    daemon.drain()
    daemon.agent.leave()
    daemon.join()
    assert len(engine.containers) == 1
    again = start()
    server.wait(lambda: len(server.hellos) == 2)
    assert server.hellos[1]["held"] == [{"run": 1, "attempt": 1}]
    released.set()
    server.wait_status(run, "completed")
    assert (run.result, engine.starts) == (b'"adopted"', [(1, 1)])
    wait_until_clean(again)


def test_leaving_at_once_gives_back_what_has_not_started(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    confirmation = server.fail("POST .*/report/", "hang")
    daemon = start()
    run = server.add_run(IMAGE)
    server.wait(lambda: confirmation.met)
    daemon.drain()
    daemon.agent.leave()
    server.wait(lambda: run.code == "node_stopping")
    confirmation.released.set()
    daemon.join()
    assert run.status == "queued"
    assert engine.starts == []


def test_a_second_daemon_on_the_same_folder_is_refused(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start()
    with pytest.raises(StateInUse) as refusal:
        start()
    assert refusal.value.exit_code == 4


def test_a_restarted_daemon_has_a_higher_boot_and_another_instance(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    for _ in range(2):
        daemon = start()
        server.wait(lambda: server.claims)
        daemon.drain()
        daemon.join()
        server.claims.clear()
    first, second = server.hellos
    assert second["boot"] > first["boot"]
    assert second["instance"] != first["instance"]
