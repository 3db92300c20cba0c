"""Results on their way: whole, once, and in constant memory."""

import hashlib
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from ptm_node import uploads
from ptm_node.errors import AttemptGone, Refused, Trouble
from ptm_node.journal import Output, Phase
from ptm_node.messages import Key
from ptm_node.runtimes.fake import FakeEngine
from ptm_node.sections import Server
from ptm_node.server_api import ServerApi
from ptm_node.uploads import CHUNK, Upload

from tests.node.conftest import StartDaemon
from tests.node.fake_http import Reply
from tests.node.fake_protocol import KEY as IDENTITY
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, writes

KEY = Key(1, 1)


class Sending(NamedTuple):
    upload: Upload
    run: Run
    content: bytes


@pytest.fixture
def api(server: FakeServer) -> Iterator[ServerApi]:
    server.instance = "x"
    api = ServerApi(Server(url=server.url), IDENTITY, "x")
    yield api
    api.transport.close()


def sending(
    server: FakeServer,
    api: ServerApi,
    folder: Path,
    size: int,
    *,
    resumed: bool = False,
) -> Sending:
    content = os.urandom(size)
    path = folder / "spooled"
    path.write_bytes(content)
    output = Output(hashlib.sha256(content).hexdigest(), size, "text/plain")
    run = server.runs.get(1) or server.add_run(IMAGE)
    run.status, run.attempt = "running", 1
    upload = Upload(api.transport, KEY, path, output, resumed=resumed)
    return Sending(upload, run, content)


def send_in_chunks_of(
    size: int, monkeypatch: pytest.MonkeyPatch, *, most: int = 0, least: int = 0
) -> None:
    sizes = {"CHUNK": size, "LARGEST": most or size, "LEAST": least or size}
    for name, value in {**sizes, "WITHIN": 0}.items():
        monkeypatch.setattr(uploads, name, value)


def test_a_small_result_takes_one_request(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    assert sent.upload.step()
    assert (sent.run.result, sent.run.media_type) == (sent.content, "text/plain")
    assert [line.split()[0] for line in server.requests] == ["POST"]


def test_an_older_server_leaves_what_came_with_the_creation(
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newer: Callable[..., Reply] = server._create_upload
    monkeypatch.setattr(
        server, "_create_upload", lambda *request: newer(*request[:-1], b"")
    )
    sent = sending(server, api, tmp_path, 10)
    assert sent.upload.step()
    assert sent.run.result == sent.content
    assert [line.split()[0] for line in server.requests] == ["POST", "PATCH"]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the smallest result too, the bytes have a request of their own."""
    monkeypatch.setattr(uploads, "WITHIN", 0)


def test_a_large_result_goes_in_chunks(
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    sent = sending(server, api, tmp_path, 2500)
    assert [sent.upload.step() for _ in range(3)] == [False, False, True]
    assert sent.run.result == sent.content


def test_chunks_grow_while_the_line_is_quick_and_shrink_when_it_breaks(
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch, most=4000, least=300)
    monkeypatch.setattr(uploads, "QUICK_SECONDS", math.inf)
    sent = sending(server, api, tmp_path, 100_000)

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
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An older server's limit, or a proxy's, which has a page of its own for it."""
    send_in_chunks_of(1000, monkeypatch, most=8000, least=300)
    monkeypatch.setattr(uploads, "QUICK_SECONDS", math.inf)
    sent = sending(server, api, tmp_path, 9000)
    assert [sent.upload.step() for _ in range(2)] == [False, False]
    for code in ("", "chunk_too_large"):
        server.fail("PATCH", "413", code=code)
        with pytest.raises(Trouble):
            sent.upload.step()
        sent.upload.step()  # asks for the offset
    assert [sent.upload.step() for _ in range(6)] == [False] * 5 + [True]
    assert sent.run.result == sent.content


@pytest.mark.usefixtures("apart")
def test_a_result_outlives_a_proxy_that_takes_hardly_anything(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    server.fail("PATCH", "413", times=20)
    for _ in range(20):
        with pytest.raises(Trouble):
            sent.upload.step()
        assert not sent.upload.step()  # asks for the offset
    assert sent.upload.step()
    assert sent.run.result == sent.content


@pytest.mark.parametrize("action", ["drop", "lose", "503"])
@pytest.mark.parametrize("request_line", ["POST", "PATCH", "HEAD"])
def test_an_upload_goes_on_where_it_was_cut(
    action: str,
    request_line: str,
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    sent = sending(server, api, tmp_path, 3500, resumed=request_line == "HEAD")
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
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send_in_chunks_of(1000, monkeypatch)
    first = sending(server, api, tmp_path, 2500)
    first.upload.step()
    path, output = first.upload._path, first.upload._output
    later = Upload(api.transport, KEY, path, output, resumed=True)
    assert [later.step() for _ in range(3)] == [False, False, True]
    assert server.count("PATCH") == 3
    assert first.run.result == first.content


def test_the_acknowledgement_of_a_small_result_may_get_lost(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    server.fail("POST", "lose")
    with pytest.raises(Trouble):
        sent.upload.step()
    assert sent.upload.step()
    [upload] = server.uploads.values()
    assert upload.data == sent.content


@pytest.mark.usefixtures("apart")
def test_an_acknowledgement_that_got_lost_is_heard_by_asking(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    server.fail("PATCH", "lose")
    with pytest.raises(Trouble):
        sent.upload.step()
    assert sent.upload.step()
    assert server.count("PATCH") == 1


@pytest.mark.usefixtures("apart")
def test_an_upload_that_the_server_dropped_begins_again(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    server.fail("PATCH", "404", code="not_found")
    with pytest.raises(Trouble):
        sent.upload.step()
    server.uploads.clear()
    assert not sent.upload.step()
    assert sent.upload.step()
    assert sent.run.result == sent.content


def test_a_cancelled_run_takes_no_result(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    sent.run.cancelling = True
    with pytest.raises(AttemptGone) as gone:
        sent.upload.step()
    assert gone.value.reason == "run_cancelled"


def test_a_result_that_left_the_spool_cannot_be_sent(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    sent = sending(server, api, tmp_path, 10)
    sent.upload._path.unlink()
    with pytest.raises(Refused) as refused:
        sent.upload.step()
    assert refused.value.code == "spool_lost"


@pytest.mark.usefixtures("apart")
def test_an_upload_goes_to_no_other_host(
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = server._create_upload

    def elsewhere(*arguments: object) -> object:
        reply = honest(*arguments)  # type: ignore[arg-type]
        path = reply.headers["Location"]
        reply.headers["Location"] = f"https://evil.example{path}"
        return reply

    monkeypatch.setattr(server, "_create_upload", elsewhere)
    sent = sending(server, api, tmp_path, 10)
    assert sent.upload.step()
    assert sent.run.result == sent.content


@pytest.mark.parametrize("offset", ["", "-1", "11", "ten"])
@pytest.mark.parametrize("handler", ["_create_upload", "_upload"])
def test_a_senseless_offset_is_trouble(
    handler: str,
    offset: str,
    server: FakeServer,
    api: ServerApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if handler == "_upload":
        monkeypatch.setattr(uploads, "WITHIN", 0)
    honest = getattr(server, handler)

    def senseless(*arguments: object) -> object:
        reply = honest(*arguments)
        reply.headers["Upload-Offset"] = offset
        return reply

    monkeypatch.setattr(server, handler, senseless)
    sent = sending(server, api, tmp_path, 10)
    for _ in range(3):
        with pytest.raises(Trouble):
            sent.upload.step()


UPLOADER = """
import resource, sys
from pathlib import Path
from ptm_node.sections import Server
from ptm_node.journal import Output, Phase
from ptm_node.messages import Key
from ptm_node.server_api import ServerApi
from ptm_node.uploads import Upload

url, key, path, sha256, size = sys.argv[1:]
api = ServerApi(Server(url=url), key, "x")
output = Output(sha256, int(size), "text/plain")
upload = Upload(api.transport, Key(1, 1), Path(path), output, resumed=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
while not upload.step():
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_result(
    server: FakeServer, api: ServerApi, tmp_path: Path
) -> None:
    size = 16 * CHUNK
    sent = sending(server, api, tmp_path, size)
    sha256 = hashlib.sha256(sent.content).hexdigest()
    path = str(tmp_path / "spooled")
    arguments = [server.url, IDENTITY, path, sha256, str(size)]
    done = subprocess.run(
        [sys.executable, "-c", UPLOADER, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sent.run.result == sent.content
    assert int(done.stdout) < 8 << 10  # kilobytes


def test_a_window_shows_its_part_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(2)
        window = uploads._Window(file, 5)
        assert len(window) == 5
        assert window.read(3) == b"234"
        assert window.read() == b"56"
        assert window.read() == b""


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
