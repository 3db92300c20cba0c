"""Results on their way: whole, once, and in constant memory."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ptm_node import uploads
from ptm_node.errors import AttemptGone, Refused, Trouble
from ptm_node.uploads import CHUNK

from tests.node.fake_http import Reply
from tests.node.fake_protocol import KEY as IDENTITY
from tests.node.fake_server import FakeServer
from tests.node.sending import Spooled


def test_a_small_result_takes_one_request(server: FakeServer, spooled: Spooled) -> None:
    sent = spooled(10)
    assert sent.upload.step()
    assert (sent.run.result, sent.run.media_type) == (sent.content, "text/plain")
    assert [line.split()[0] for line in server.requests] == ["POST"]


def test_an_older_server_leaves_what_came_with_the_creation(
    server: FakeServer, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer: Callable[..., Reply] = server._create_upload
    monkeypatch.setattr(
        server, "_create_upload", lambda *request: newer(*request[:-1], b"")
    )
    sent = spooled(10)
    assert sent.upload.step()
    assert sent.run.result == sent.content
    assert [line.split()[0] for line in server.requests] == ["POST", "PATCH"]


def test_a_cancelled_run_takes_no_result(spooled: Spooled) -> None:
    sent = spooled(10)
    sent.run.cancelling = True
    with pytest.raises(AttemptGone) as gone:
        sent.upload.step()
    assert gone.value.reason == "run_cancelled"


def test_a_result_that_left_the_spool_cannot_be_sent(spooled: Spooled) -> None:
    sent = spooled(10)
    sent.upload._path.unlink()
    with pytest.raises(Refused) as refused:
        sent.upload.step()
    assert refused.value.code == "spool_lost"


@pytest.mark.usefixtures("apart")
def test_an_upload_goes_to_no_other_host(
    server: FakeServer, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = server._create_upload

    def elsewhere(*arguments: object) -> object:
        reply = honest(*arguments)  # type: ignore[arg-type]
        path = reply.headers["Location"]
        reply.headers["Location"] = f"https://evil.example{path}"
        return reply

    monkeypatch.setattr(server, "_create_upload", elsewhere)
    sent = spooled(10)
    assert sent.upload.step()
    assert sent.run.result == sent.content


@pytest.mark.parametrize("offset", ["", "-1", "11", "ten"])
@pytest.mark.parametrize("handler", ["_create_upload", "_upload"])
def test_a_senseless_offset_is_trouble(
    handler: str,
    offset: str,
    server: FakeServer,
    spooled: Spooled,
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
    sent = spooled(10)
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
    server: FakeServer, tmp_path: Path, spooled: Spooled
) -> None:
    size = 16 * CHUNK
    sent = spooled(size)
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
