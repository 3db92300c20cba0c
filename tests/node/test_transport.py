"""HTTP to the server: what each answer means, and where the key never goes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ptm_node import errors, transport
from ptm_node.messages import Enrolled
from ptm_node.sections import Server
from ptm_node.server_api import ServerApi
from ptm_node.transport import Transport

from tests.node.fake_protocol import KEY
from tests.node.fake_server import FakeServer


class Answering:
    """A server with one prepared answer, which remembers what it was sent."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {}, b"{}"  # type: ignore[var-annotated]
        self.seen: list[dict[str, str]] = []
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                answering.seen.append({**self.headers, "path": self.path})
                self.send_response(answering.status)
                for name, value in answering.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answering.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answering.body)

            do_GET = do_POST = do_HEAD = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,)).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def answering() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.http.shutdown()
    answering.http.server_close()


@pytest.fixture
def way(answering: Answering) -> Iterator[Transport]:
    way = Transport(Server(url=answering.url), {"Authorization": f"Node {KEY}"})
    yield way
    way.close()


MEANINGS: list[tuple[int, str, str, type[errors.NodeError]]] = [
    (401, "not_authenticated", "claim/", errors.Revoked),
    (401, "node_revoked", "runs/1/report/", errors.Revoked),
    (426, "protocol_unsupported", "hello/", errors.Terminal),
    (409, "instance_superseded", "hello/", errors.Terminal),
    (409, "instance_superseded", "claim/", errors.Superseded),
    (409, "attempt_stale", "runs/1/report/", errors.AttemptGone),
    (409, "run_terminal", "/api/v1/node/uploads/x/", errors.AttemptGone),
    (409, "run_cancelled", "runs/1/result/", errors.AttemptGone),
    (404, "not_found", "runs/1/report/", errors.AttemptGone),
    (404, "not_found", "hello/", errors.Refused),
    (409, "claim_stale", "claim/", errors.ClaimStale),
    (409, "offset_conflict", "runs/1/log/", errors.OffsetConflict),
    (400, "validation_failed", "claim/", errors.Refused),
    (409, "something_new", "claim/", errors.Refused),
    (403, "", "claim/", errors.Trouble),
    (401, "", "claim/", errors.Trouble),
    (404, "", "runs/1/report/", errors.Trouble),
    (302, "", "claim/", errors.Trouble),
    (429, "throttled", "claim/", errors.Trouble),
    (500, "internal", "claim/", errors.Trouble),
    (503, "", "claim/", errors.Trouble),
]


@pytest.mark.parametrize(("status", "code", "path", "meaning"), MEANINGS)
def test_each_answer_has_one_meaning(
    status: int,
    code: str,
    path: str,
    meaning: type[errors.NodeError],
    answering: Answering,
    way: Transport,
) -> None:
    answering.status = status
    answering.body = f'{{"code": "{code}"}}'.encode() if code else b"<html>"
    with pytest.raises(errors.NodeError) as error:
        way.send("POST", path)
    assert type(error.value) is meaning


def test_the_server_may_say_when_to_come_back(
    answering: Answering, way: Transport
) -> None:
    answering.status = 503
    for header, seconds in [("7", 7.0), ("soon", 0.0), ("99999999", 0.0)]:
        answering.headers = {"Retry-After": header}
        with pytest.raises(errors.Trouble) as trouble:
            way.send("POST", "claim/")
        assert trouble.value.retry_after == seconds


def test_a_redirect_is_not_followed(answering: Answering, way: Transport) -> None:
    answering.status, answering.headers = 307, {"Location": f"{answering.url}/other"}
    with pytest.raises(errors.Trouble):
        way.send("POST", "claim/")
    assert len(answering.seen) == 1


def test_an_endless_answer_is_not_read_to_its_end(
    answering: Answering, way: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 1000)
    answering.body = b"x" * 1001
    with pytest.raises(errors.Trouble, match="too long"):
        way.send("POST", "claim/")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"node": "7"}', b"[" * 100_000])
def test_an_answer_of_another_shape_is_trouble(
    body: bytes, answering: Answering, way: Transport
) -> None:
    answering.body = body
    with pytest.raises(errors.Trouble):
        way.send("POST", "claim/").decode(Enrolled)


def test_the_identity_comes_with_every_request_and_from_no_other_file(
    answering: Answering,
    way: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    way.send("POST", "claim/")
    (seen,) = answering.seen
    assert seen["Authorization"] == f"Node {KEY}"
    assert seen["PTM-Protocol"] == "1"
    assert seen["path"] == "/api/v1/node/claim/"


def test_a_server_below_a_path_is_found(answering: Answering) -> None:
    way = Transport(Server(url=f"{answering.url}/ptm/"), {})
    way.send("POST", "claim/")
    assert answering.seen[0]["path"] == "/ptm/api/v1/node/claim/"
    way.close()


def test_cookies_are_not_kept(answering: Answering, way: Transport) -> None:
    answering.headers = {"Set-Cookie": "a=b"}
    way.send("POST", "claim/")
    way.send("POST", "claim/")
    assert "Cookie" not in answering.seen[1]


def test_the_password_of_a_proxy_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="ptm_node")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:1")
    way = Transport(Server(url="https://ptm.example.org"), {})
    with pytest.raises(errors.Trouble) as trouble:
        way.send("POST", "claim/")
    assert "hunter2" not in f"{trouble.value} {caplog.text}"
    assert trouble.value.__cause__ is None
    way.close()


@pytest.mark.timeout(10)
def test_a_server_that_accepts_and_says_nothing_is_given_up(
    server: FakeServer,
) -> None:
    hang = server.fail("POST", "hang")
    way = Transport(Server(url=server.url), {})
    with pytest.raises(errors.Trouble):
        way.send("POST", "claim/", patience=0.1)
    hang.released.set()
    way.close()


def test_contact_is_noted_when_it_changes_and_not_each_time(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api = ServerApi(Server(url=server.url), KEY, "x")
    server.instance = "x"
    for fault in (None, "503", "503", None, None):
        if fault:
            server.fail("POST", fault)
        try:
            api.goodbye()
        except errors.Trouble:
            continue
    lines = [record.getMessage()[:10] for record in caplog.records]
    assert lines == ["in contact", "no contact", "in contact"]
    api.transport.close()
