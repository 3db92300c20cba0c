"""An upload that breaks goes on, and what was sent is not sent again."""

import pytest
from ptm_node.errors import Trouble
from ptm_node.server_api import ServerApi
from ptm_node.uploads import Upload

from tests.node.fake_server import FakeServer
from tests.node.sending import KEY, Spooled, send_in_chunks_of


@pytest.mark.parametrize("action", ["drop", "lose", "503"])
@pytest.mark.parametrize("request_line", ["POST", "PATCH", "HEAD"])
def test_an_upload_goes_on_where_it_was_cut(
    action: str,
    request_line: str,
    server: FakeServer,
    spooled: Spooled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    sent = spooled(3500, resumed=request_line == "HEAD")
    server.fail(request_line, action, times=2)
    for _ in range(30):
        try:
            if sent.upload.step():
                break
        except Trouble:
            continue
    assert sent.run.result == sent.content
    assert sum(len(each.data) for each in server.uploads.values()) == 3500


def test_a_new_life_asks_before_it_sends(
    server: FakeServer,
    api: ServerApi,
    spooled: Spooled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    first = spooled(2500)
    first.upload.step()
    path, output = first.upload._path, first.upload._output
    later = Upload(api.transport, KEY, path, output, resumed=True)
    assert [later.step() for _ in range(3)] == [False, False, True]
    assert server.count("PATCH") == 3
    assert first.run.result == first.content


def test_the_acknowledgement_of_a_small_result_may_get_lost(
    server: FakeServer, spooled: Spooled
) -> None:
    sent = spooled(10)
    server.fail("POST", "lose")
    with pytest.raises(Trouble):
        sent.upload.step()
    assert sent.upload.step()
    [upload] = server.uploads.values()
    assert upload.data == sent.content


@pytest.mark.usefixtures("apart")
def test_an_acknowledgement_that_got_lost_is_heard_by_asking(
    server: FakeServer, spooled: Spooled
) -> None:
    sent = spooled(10)
    server.fail("PATCH", "lose")
    with pytest.raises(Trouble):
        sent.upload.step()
    assert sent.upload.step()
    assert server.count("PATCH") == 1


@pytest.mark.usefixtures("apart")
def test_an_upload_that_the_server_dropped_begins_again(
    server: FakeServer, spooled: Spooled
) -> None:
    sent = spooled(10)
    server.fail("PATCH", "404", code="not_found")
    with pytest.raises(Trouble):
        sent.upload.step()
    server.uploads.clear()
    assert not sent.upload.step()
    assert sent.upload.step()
    assert sent.run.result == sent.content
