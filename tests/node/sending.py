"""A result in the spool, and the upload that sends it."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from ptm_node import uploads
from ptm_node.journal import Output
from ptm_node.messages import Key
from ptm_node.sections import Server
from ptm_node.server_api import ServerApi
from ptm_node.uploads import Upload

from tests.node.fake_protocol import KEY as IDENTITY
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE

KEY = Key(1, 1)


class Sending(NamedTuple):
    upload: Upload
    run: Run
    content: bytes


Spooled = Callable[..., Sending]


@pytest.fixture
def spooled(server: FakeServer, api: ServerApi, tmp_path: Path) -> Spooled:
    """Makes the upload of a result of so many bytes."""

    def spool(size: int, *, resumed: bool = False) -> Sending:
        content = os.urandom(size)
        path = tmp_path / "spooled"
        path.write_bytes(content)
        output = Output(hashlib.sha256(content).hexdigest(), size, "text/plain")
        run = server.runs.get(1) or server.add_run(IMAGE)
        run.status, run.attempt = "running", 1
        upload = Upload(api.transport, KEY, path, output, resumed=resumed)
        return Sending(upload, run, content)

    return spool


def send_in_chunks_of(
    size: int, monkeypatch: pytest.MonkeyPatch, *, most: int = 0, least: int = 0
) -> None:
    least = least or size
    sizes = {"CHUNK": size, "LARGEST": most or size, "LEAST": least, "SMALLEST": least}
    for name, value in {**sizes, "WITHIN": 0}.items():
        monkeypatch.setattr(uploads, name, value)


@pytest.fixture
def api(server: FakeServer) -> Iterator[ServerApi]:
    server.instance = "x"
    api = ServerApi(Server(url=server.url), IDENTITY, "x")
    yield api
    api.transport.close()


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the smallest result too, the bytes have a request of their own."""
    monkeypatch.setattr(uploads, "WITHIN", 0)
