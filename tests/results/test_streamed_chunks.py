"""Chunks that go to the disk as they come: who may, and what breaks on the way."""

import asyncio
import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.nodes.models import Node
from apps.results import receiving
from apps.results.chunks import Chunk
from apps.results.models import Result, Upload
from apps.results.receiving import MARK, ReceivedChunks
from apps.tasks.models import Run
from ptm_site.held import Message, Receive, Send
from ptm_site.long_bodies import BLOCK
from tests.daemon import OCTETS, NodeClient
from tests.live import go_live
from tests.worlds import World
from tools.rig.process import wait_until
from tools.rig.server import Server

live = pytest.mark.django_db(transaction=True)

DATA = os.urandom(3 * BLOCK + 1)
HALF = len(DATA) // 2


@pytest.fixture
def node(world: World, first_server: Server) -> NodeClient:
    go_live(world, first_server)
    return world.nodes[0]


@pytest.fixture
def location(node: NodeClient, run: dict[str, Any]) -> str:
    created: str = node.announce(run, DATA)["Location"]
    return created


@contextmanager
def half_sent(
    server: Server, node: NodeClient, location: str
) -> Iterator[http.client.HTTPConnection]:
    """Within a request for all of DATA, of which the server has written a half."""
    headers = {**node.tus_headers, "Upload-Offset": "0", "Content-Type": OCTETS}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with closing(line):
        line.putrequest("PATCH", location)
        for name, value in {**headers, "Content-Length": str(len(DATA))}.items():
            line.putheader(name, value)
        line.endheaders(DATA[:HALF])
        file = server.folder / "uploads" / Upload.objects.get().uuid.hex
        assert wait_until(lambda: file.exists() and file.stat().st_size >= BLOCK, 30)
        yield line


def rest(line: http.client.HTTPConnection) -> tuple[int, bytes]:
    """Send it; return what the server says."""
    line.send(DATA[HALF:])
    answer = line.getresponse()
    return answer.status, answer.read()


def stored(server: Server) -> bytes:
    name = str(Result.objects.get().file)
    return (server.folder / "results" / name).read_bytes()


@live
def test_a_result_arrives(
    first_server: Server, node: NodeClient, location: str
) -> None:
    assert node.patch(location, DATA[:HALF]).status_code == 204
    assert node.offset(location) == HALF
    assert node.patch(location, DATA[HALF:], HALF).status_code == 204
    assert stored(first_server) == DATA


@live
def test_a_wrong_offset_is_refused_before_a_byte_is_written(
    first_server: Server, node: NodeClient, location: str
) -> None:
    answer = node.patch(location, DATA[HALF:], HALF)
    assert (answer.status_code, answer["Upload-Offset"]) == (409, "0")
    [file] = (first_server.folder / "uploads").glob(Upload.objects.get().uuid.hex)
    assert file.read_bytes() == b""


@live
def test_more_than_announced_does_not_count(
    first_server: Server, node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA[:-1])["Location"]
    answer = node.patch(location, DATA)
    assert (answer.status_code, answer.json()["code"]) == (400, "length_exceeded")
    assert node.offset(location) == 0
    assert node.patch(location, DATA[:-1]).status_code == 204
    assert stored(first_server) == DATA[:-1]


@live
def test_a_second_writer_waits_until_the_first_has_gone(
    first_server: Server, node: NodeClient, location: str
) -> None:
    with half_sent(first_server, node, location) as line:
        busy = node.patch(location, DATA)
        assert (busy.status_code, busy.json()["code"]) == (503, "upload_busy")
        assert rest(line)[0] == 204
    assert node.patch(location, DATA).status_code == 204
    assert stored(first_server) == DATA


def cancelled(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(cancel_requested_at=timezone.now())


def ended(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status="failed", finished_at=timezone.now())


def given_to_another_attempt(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(attempt=run.attempt + 1)


def revoked(run: Run) -> None:
    Node.objects.filter(runs=run).update(revoked_at=timezone.now())


@live
@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (cancelled, 409),
        (ended, 409),
        (given_to_another_attempt, 409),
        (revoked, 401),
    ],
)
def test_what_happens_while_bytes_come_is_asked_again_at_their_end(
    first_server: Server,
    node: NodeClient,
    run: dict[str, Any],
    location: str,
    happens: Callable[[Run], None],
    status: int,
) -> None:
    with half_sent(first_server, node, location) as line:
        happens(Run.objects.get(pk=run["run"]))
        assert rest(line)[0] == status
    assert not Result.objects.exists()
    assert Upload.objects.get().offset == 0


@live
def test_what_came_before_the_line_broke_counts(
    first_server: Server, node: NodeClient, location: str
) -> None:
    with half_sent(first_server, node, location):
        pass
    assert wait_until(lambda: Upload.objects.get().offset > 0, 30)
    came = node.offset(location)
    assert BLOCK <= came <= HALF
    assert node.patch(location, DATA[came:], came).status_code == 204
    assert stored(first_server) == DATA


class View:
    """Opens a chunk for whatever comes, and notes how often it was asked."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.bodies.append((await receive())["body"])
        if MARK in scope:
            scope[MARK].chunk = self.chunk


def sent_to(view: View, *pieces: bytes) -> None:
    """A line that carries the pieces, and then nothing for ever."""
    left = list(pieces)

    async def receive() -> Message:
        if left:
            return {"body": left.pop(0), "more_body": True}
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    async def send(message: Message) -> None:
        raise AssertionError("Nobody answers here.")

    scope = {"method": "PATCH", "path": f"{receiving.UPLOADS}1/"}
    asyncio.run(ReceivedChunks(view)(scope, receive, send))


@pytest.mark.parametrize("pieces", [[DATA[:9]], [DATA[:BLOCK], DATA[BLOCK:HALF]]])
def test_a_line_that_falls_silent_ends_its_chunk(
    pieces: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "SILENT_SECONDS", 0.05)
    with closing(FileIO(tmp_path / "upload", "w")) as file:
        view = View(Chunk(Upload(length=len(DATA)), file))
        sent_to(view, *pieces)
        assert file.closed is (len(pieces) > 1)
    if len(pieces) == 1:
        assert view.bodies == pieces
    else:
        assert view.bodies == [b"", b""]
        assert (tmp_path / "upload").read_bytes() == DATA[:HALF]


def test_a_disk_without_room_is_a_refusal_and_ends_the_writing() -> None:
    with closing(FileIO("/dev/full", "r+")) as full:
        chunk = Chunk(Upload(length=100), full)
        chunk.take([b"1", b"2"])
        assert chunk.refusal is not None
        assert (chunk.refusal.code, chunk.length) == ("server_disk_full", 0)
