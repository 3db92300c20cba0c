"""The socket that wakes a node, and the ways to do without it."""

from threading import Event

import pytest
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_protocol import KEY
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, waits_for


def held(server: FakeServer) -> bool:
    return any(claim["wait"] for claim in server.claims)


def wait_until_listening(server: FakeServer) -> None:
    """Until the node has found no work and hears of the next by its socket."""
    server.wait(lambda: server.sockets and len(server.claims) >= 2)


def add_run_unheard(server: FakeServer) -> Run:
    """A run of which the socket does not tell."""
    sockets, server.sockets = server.sockets, []
    run = server.add_run(IMAGE)
    server.sockets = sockets
    return run


def test_a_hint_brings_the_work_at_once(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start()
    wait_until_listening(server)
    before = len(server.claims)
    run = server.add_run(IMAGE)
    server.wait(lambda: len(server.claims) > before, seconds=0.3)  # 15 s of the node's
    server.wait_status(run, "completed")
    assert not held(server)


def test_a_lost_hint_is_made_up_for_by_the_next_heartbeat(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ptm_node.dispatch._LOOK_SECONDS", 1e6)
    server.heartbeat_seconds = 1.0
    start(server={"channel": "websocket"})
    wait_until_listening(server)
    server.wait_status(add_run_unheard(server), "completed")


def test_a_lost_hint_costs_half_a_minute_at_most(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.heartbeat_seconds = 300.0
    start(server={"channel": "websocket"})
    wait_until_listening(server)
    server.wait_status(add_run_unheard(server), "completed", seconds=60)


@pytest.mark.parametrize("end", ["cut", 1012, 1000, 4401])
def test_a_socket_that_ends_is_opened_again(
    end: str | int, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start(server={"channel": "websocket"})
    server.wait(lambda: server.sockets)
    (first,) = server.sockets
    if end == "cut":
        first.cut()
    else:
        first.close(int(end))
    server.wait(lambda: server.sockets and first not in server.sockets)
    server.wait_status(server.add_run(IMAGE), "completed")


@pytest.mark.usefixtures("asleep")
def test_a_socket_that_ends_is_a_reason_to_look(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start(server={"channel": "websocket"})
    wait_until_listening(server)
    before = len(server.claims)
    server.fail("GET /ws/", "drop", times=10_000)
    server.sockets[0].cut()
    server.wait(lambda: len(server.claims) > before)


@pytest.mark.parametrize("status", [403, 404, 501])
def test_where_sockets_are_refused_claims_are_held(
    status: int, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.socket_status = status
    start()
    server.wait(lambda: held(server))
    # Once is enough, as soon as HTTP has got through at the same time.
    assert server.count("GET /ws/") <= 2
    server.wait_status(server.add_run(IMAGE), "completed")


def test_where_sockets_do_not_get_through_claims_are_held(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    blocked = server.fail("GET /ws/", "drop", times=10_000)
    start()
    server.wait(lambda: held(server))
    assert blocked.met >= 2
    server.wait_status(server.add_run(IMAGE), "completed")


def test_a_socket_that_gets_through_again_is_used_again(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    blocked = server.fail("GET /ws/", "drop", times=10_000)
    start()
    server.wait(lambda: held(server))
    blocked.times = 0
    server.wait(lambda: server.sockets, seconds=30)


def test_a_server_that_is_away_is_not_the_sockets_fault(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start()
    server.wait(lambda: server.sockets)
    away = server.fail(".", "drop", times=10_000)
    server.sockets[0].cut()
    server.wait(lambda: server.count("GET /ws/") >= 5)
    away.times = 0
    server.wait(lambda: server.sockets)
    assert not held(server)


def test_websocket_only_never_holds_a_claim(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.socket_status = 403
    start(server={"channel": "websocket"})
    server.wait(lambda: server.count("GET /ws/") >= 4)
    server.wait_status(server.add_run(IMAGE), "completed")
    assert not held(server)


def test_polling_only_opens_no_socket(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start(server={"channel": "polling"})
    server.wait_status(server.add_run(IMAGE), "completed")
    assert held(server)
    assert server.count("GET /ws/") == 0


def test_a_cancel_is_heard_by_polling_even_if_every_slot_is_taken(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(Event())
    start(server={"channel": "polling"}, limits={"concurrent_runs": 1})
    run = server.wait_status(server.add_run(IMAGE), "running")
    server.cancel(run)
    server.wait_status(run, "cancelled")


def test_a_server_that_does_not_hold_claims_is_not_flooded(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = server._claim
    monkeypatch.setattr(server, "_claim", lambda claim, wait: honest(claim, 0.0))
    server.heartbeat_seconds = 1.0
    start(server={"channel": "polling"})
    server.wait(lambda: server.heartbeats >= 20)
    # A heartbeat each second, and about as many claims.
    assert len(server.claims) < 3 * server.heartbeats


def test_the_key_is_in_no_log(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    start()
    server.wait(lambda: server.sockets)
    server.sockets[0].cut()
    server.fail("POST", "drop", times=3)
    server.wait_status(server.add_run(IMAGE), "completed")
    assert "listening on the socket" in caplog.text
    assert KEY not in caplog.text
    assert KEY[-20:] not in caplog.text
