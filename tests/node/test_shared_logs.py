"""The log of a run: kept at the site, and sent where the site shares it."""

from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, writes


def _talks(inside: Inside) -> int:
    inside.log("one\n")
    inside.log("two\n")
    return int(writes(b"{}")(inside))


def test_the_log_stays_at_the_site(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = _talks
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "completed")
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
