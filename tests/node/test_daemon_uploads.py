"""The daemon's uploads: damaged on their way, and beside its other words."""

import threading

import pytest
from ptm_node import uploads
from ptm_node.journal import Phase
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, writes


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (2, ["POST"] * 3),
        (0, ["POST", "PATCH", *["POST", "HEAD", "PATCH"] * 2]),
    ],
)
def test_a_result_that_is_damaged_on_its_way_is_sent_again(
    within: int,
    expected: list[str],
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "WITHIN", within)
    honest = uploads._Window.read
    damage = iter([True, True])

    def read(self: uploads._Window, size: int = -1) -> bytes:
        data = honest(self, size)
        return b"?" * len(data) if data and next(damage, False) else data

    monkeypatch.setattr(uploads._Window, "read", read)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "completed")
    assert run.result == b"{}"
    wait_until_clean(daemon)
    sent = [
        line for line in server.requests if "/result/" in line or "/uploads/" in line
    ]
    assert [line.split()[0] for line in sent] == expected


@pytest.mark.usefixtures("apart")
def test_a_result_that_is_damaged_each_time_fails_the_run(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    server.fail("PATCH .*/uploads/", "422", code="checksum_mismatch", times=100)
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "internal"
    wait_until_clean(daemon)


@pytest.mark.usefixtures("apart")
def test_a_word_does_not_wait_for_a_large_result(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploads, "CHUNK", 10)
    other = IMAGE.replace("summary", "other")
    released = threading.Event()

    def fails(_: object) -> int:
        released.wait()
        return 3

    engine.present[other] = fails
    engine.present[IMAGE] = writes(b"x" * 1000)
    first_chunk = server.fail("PATCH .*/uploads/", "stall")
    daemon = start()
    quick = server.wait_status(server.add_run(other), "running")
    large = server.add_run(IMAGE)
    server.wait(lambda: first_chunk.met)
    released.set()
    eventually(lambda: any(row.phase is Phase.ENDED for row in daemon.journal()))
    first_chunk.released.set()
    server.wait_status(quick, "failed")
    assert server.count("PATCH .*/uploads/") < 10
    server.wait_status(large, "completed")
    assert large.result == b"x" * 1000
