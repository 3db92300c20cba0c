"""Whatever gets lost, delayed or repeated on the way: one start, one result."""

import threading

import pytest
from ptm_node import uploads
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, waits_for, writes

REQUESTS = [
    "POST .*/hello/",
    "POST .*/claim/",
    "POST .*/report/",
    "POST .*/result/",
    "HEAD .*/uploads/",
    "PATCH .*/uploads/",
    "POST .*/heartbeat/",
]


@pytest.mark.parametrize("action", ["drop", "lose", "twice", "503", "429", "502"])
@pytest.mark.parametrize("request_line", REQUESTS)
def test_a_run_completes_once_whatever_happens_to_a_request(
    request_line: str,
    action: str,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "uploads" in request_line:
        monkeypatch.setattr(uploads, "WITHIN", 0)
    fault = server.fail(request_line, action, times=2)
    server.heartbeat_seconds = 1.0
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "completed")
    assert run.result == b"{}"
    assert (run.attempt, engine.starts) == (1, [(1, 1)])
    wait_until_clean(daemon)
    if "HEAD" not in request_line:  # only a disturbed upload asks where it was
        server.wait(lambda: fault.met)


@pytest.mark.parametrize("action", ["drop", "lose", "503"])
def test_an_end_without_a_result_is_told_until_it_is_heard(
    action: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b"", 4)
    daemon = start()
    confirmed = server.fail("POST .*/report/", "stall")
    run = server.wait_status(server.add_run(IMAGE), "preparing")
    server.fail("POST .*/report/", action, times=4)
    confirmed.released.set()
    server.wait_status(run, "failed")
    wait_until_clean(daemon)
    assert run.code == "exit_nonzero"


def test_every_answer_may_get_lost_for_a_while(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    server.fail("(POST|PATCH|HEAD)", "lose", times=12)
    runs = [server.add_run(IMAGE) for _ in range(5)]
    server.wait(lambda: all(run.status == "completed" for run in runs))
    assert sorted(engine.starts) == [(run.id, 1) for run in runs]
    wait_until_clean(daemon)


def test_a_server_that_was_away_gets_what_ended_meanwhile(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    away = server.fail(".", "drop", times=10_000)
    for each in list(server.sockets):
        each.cut()
    released.set()
    server.wait(lambda: away.met >= 5)
    away.times = 0
    server.wait_status(run, "completed")
    assert engine.starts == [(1, 1)]
    wait_until_clean(daemon)


def test_a_claim_repeats_its_number_until_it_has_an_answer(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("POST .*/claim/", "lose", times=3)
    start()
    server.wait_status(server.add_run(IMAGE), "completed")
    numbers = [claim["claim"] for claim in server.claims]
    assert numbers[:4] == [1, 1, 1, 1]
    assert sorted(set(numbers)) == list(range(1, numbers[-1] + 1))


def test_a_journal_that_is_behind_goes_on_from_the_servers_number(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.last_claim = 41
    start()
    server.wait_status(server.add_run(IMAGE), "completed")
    assert server.claims[0]["claim"] == 42


@pytest.mark.usefixtures("asleep")
def test_a_stale_claim_is_followed_by_the_right_one_at_once(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("GET /ws/", "hang")
    server.last_claim = 41
    run = server.add_run(IMAGE)
    start(server={"channel": "websocket"})
    server.wait_status(run, "completed")


def test_an_attempt_that_is_stale_is_dropped(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    with server.changed:
        run.attempt = 2
    released.set()
    wait_until_clean(daemon)
    assert run.result is None
    assert run.status == "running"


@pytest.mark.parametrize("code", ["attempt_stale", "run_terminal"])
@pytest.mark.parametrize("request_line", ["report", "result", "uploads"])
def test_a_refused_attempt_leaves_nothing_behind(
    request_line: str,
    code: str,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if request_line == "uploads":
        monkeypatch.setattr(uploads, "WITHIN", 0)
    server.fail(f"(POST|PATCH) .*/{request_line}/", "409", code=code, times=100)
    daemon = start()
    server.add_run(IMAGE)
    server.wait(lambda: server.count(f"/{request_line}/") > 0)
    wait_until_clean(daemon)


def test_a_run_that_the_server_does_not_know_is_dropped(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("POST .*/report/", "404", code="not_found")
    daemon = start()
    server.add_run(IMAGE)
    server.wait(lambda: server.count("/report/") > 0)
    wait_until_clean(daemon)
    assert engine.starts == []


@pytest.mark.parametrize("code", ["run_cancelled", "run_terminal", "attempt_stale"])
def test_a_cancel_that_needs_no_confirmation_any_more_is_dropped(
    code: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    server.fail("POST .*/report/", "409", code=code, times=10_000)
    before = server.count("/report/")
    server.cancel(run)
    server.wait(lambda: server.count("/report/") > before)
    wait_until_clean(daemon)
    assert server.count("/report/") == before + 1


def test_a_proxys_page_is_no_answer(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    """A 404, 401 or 409 that does not come from the server ends nothing."""
    for status in ("404", "401", "409", "403", "302"):
        server.fail("POST .*/(report|result|claim)/", status)
    start()
    server.wait_status(server.add_run(IMAGE), "completed")


def test_a_report_that_the_server_refuses_becomes_a_simpler_one(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released, status=4)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    refused = server.fail("POST .*/report/", "400", code="validation_failed")
    released.set()
    server.wait_status(run, "failed")
    assert (run.code, refused.met) == ("internal", 1)
    wait_until_clean(daemon)


def test_a_note_that_the_server_refuses_ends_nothing(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start()
    confirmed = server.fail("POST .*/report/", "stall")
    run = server.wait_status(server.add_run(IMAGE), "preparing")
    refused = server.fail("POST .*/report/", "400", code="validation_failed")
    confirmed.released.set()
    server.wait(lambda: refused.met)
    released.set()
    server.wait_status(run, "completed")


def test_a_confirmation_that_is_refused_ends_the_run(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("POST .*/report/", "400", code="validation_failed")
    start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "internal"
    assert engine.starts == []


def test_a_result_that_the_server_finds_too_large_is_said_to_be(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("POST .*/result/", "413", code="result_too_large")
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "output_too_large"
    wait_until_clean(daemon)


def test_a_full_log_on_the_server_ends_the_log_and_not_the_run(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    server.fail("PATCH .*/log/", "413", code="log_full", times=100)
    start(policy={"share_log": True})
    run = server.add_run(IMAGE)
    released.set()
    server.wait_status(run, "completed")


def test_one_run_that_cannot_be_sent_does_not_hold_back_another(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    stuck = server.fail("POST .*/runs/1/result/", "503", times=1000)
    start()
    first = server.add_run(IMAGE)
    server.wait_status(server.add_run(IMAGE), "completed")
    stuck.times = 0
    server.wait_status(first, "completed")


def test_a_server_that_asks_to_wait_is_left_alone(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.heartbeat_seconds = 1.0  # a success elsewhere does not shorten the wait
    server.fail("POST .*/result/", "429", code="throttled", Retry_After="50")
    start()
    run = server.add_run(IMAGE)
    server.wait(lambda: server.count("/result/") == 1)
    beats = server.heartbeats
    server.wait(lambda: server.heartbeats >= beats + 5)
    assert server.count("/result/") == 1
    server.wait_status(run, "completed")


def test_an_answer_to_another_claim_is_not_taken(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = server._claim
    lies = iter([True])

    def claim(asked: dict[str, int], wait: float) -> object:
        reply = honest(asked, wait)
        if next(lies, False):
            reply.body["claim"] += 7
        return reply

    monkeypatch.setattr(server, "_claim", claim)
    start()
    server.wait_status(server.add_run(IMAGE), "completed")
    assert [each["claim"] for each in server.claims][:2] == [1, 1]


def test_idle_connections_are_used_again(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start()
    for _ in range(5):
        server.wait_status(server.add_run(IMAGE), "completed")
    assert len(server.requests) > 20
    # The socket, the dispatcher, the sender, a confirmation, the heartbeat.
    assert server.connections <= 6
