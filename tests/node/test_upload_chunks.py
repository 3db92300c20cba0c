"""How much of a result goes in one request."""

import math

import pytest
from ptm_node import uploads
from ptm_node.errors import Trouble

from tests.node.fake_server import FakeServer
from tests.node.sending import Spooled, send_in_chunks_of


def test_a_large_result_goes_in_chunks(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    sent = spooled(2500)
    assert [sent.upload.step() for _ in range(3)] == [False, False, True]
    assert sent.run.result == sent.content


def test_chunks_grow_while_the_line_is_quick_and_shrink_when_it_breaks(
    server: FakeServer, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_in_chunks_of(1000, monkeypatch, most=4000, least=300)
    monkeypatch.setattr(uploads, "QUICK_SECONDS", math.inf)
    sent = spooled(100_000)

    def step() -> int:
        before = sent.upload.sent
        sent.upload.step()
        return sent.upload.sent - before

    assert [step() for _ in range(4)] == [1000, 2000, 4000, 4000]
    for chunk in (1000, 500, 300, 300):
        server.fail("PATCH", "drop")
        with pytest.raises(Trouble):
            sent.upload.step()
        assert sent.upload._chunk == chunk
        sent.upload.step()  # asks for the offset
    monkeypatch.setattr(uploads, "QUICK_SECONDS", 0.0)
    assert [step() for _ in range(4)] == [300, 600, 1000, 1000]


def test_a_limit_on_the_size_of_a_request_is_kept_to(
    server: FakeServer, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older server's limit, or a proxy's, which has a page of its own for it."""
    send_in_chunks_of(1000, monkeypatch, most=8000, least=300)
    monkeypatch.setattr(uploads, "QUICK_SECONDS", math.inf)
    sent = spooled(9000)
    assert [sent.upload.step() for _ in range(2)] == [False, False]
    for code in ("", "chunk_too_large"):
        server.fail("PATCH", "413", code=code)
        with pytest.raises(Trouble):
            sent.upload.step()
        sent.upload.step()  # asks for the offset
    assert [sent.upload.step() for _ in range(6)] == [False] * 5 + [True]
    assert sent.run.result == sent.content


def test_a_firewall_that_takes_128_kilobytes_is_passed(
    server: FakeServer, spooled: Spooled
) -> None:
    """Half a megabyte behind what is usual for requests that are no forms."""
    sent = spooled(512 << 10)
    server.fail("PATCH", "413", times=5)
    for _ in range(5):
        with pytest.raises(Trouble):
            sent.upload.step()
        sent.upload.step()  # asks for the offset
    server.fail("PATCH", "drop")  # which does not make it forget the limit
    with pytest.raises(Trouble):
        sent.upload.step()
    sent.upload.step()
    assert sent.upload._chunk == 128 << 10
    assert [sent.upload.step() for _ in range(4)] == [False] * 3 + [True]
    assert sent.run.result == sent.content


@pytest.mark.usefixtures("apart")
def test_a_result_outlives_a_proxy_that_takes_hardly_anything(
    server: FakeServer, spooled: Spooled
) -> None:
    sent = spooled(10)
    server.fail("PATCH", "413", times=20)
    for _ in range(20):
        with pytest.raises(Trouble):
            sent.upload.step()
        assert not sent.upload.step()  # asks for the offset
    assert sent.upload.step()
    assert sent.run.result == sent.content
