"""An unmodified tus client, which knows nothing of nodes, can send a result.

It is tus-js-client, the protocol's own reference. To the real server, on lines that
break.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apps.results.models import Result
from apps.tasks.models import Run
from tests.daemon import NodeClient
from tests.live import go_live
from tests.worlds import World
from tools.frontend.__main__ import MODULES
from tools.rig.line import Line
from tools.rig.server import Server

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = Path(__file__).with_name("tus_client.cjs")
NODE_JS = Path(sys.executable).with_name("node")
CHUNK = 500_000
SIZE = 8 * CHUNK
TRIES = [0, 500, 1000, 2000]  # milliseconds before each


class Ended(NamedTuple):
    """The last status, 0 if there was no answer; and where the upload is."""

    status: int
    url: str


@pytest.fixture
def node(world: World, first_server: Server) -> NodeClient:
    go_live(world, first_server)
    return world.nodes[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "result"
    path.write_bytes(os.urandom(SIZE))
    return path


def send(
    line: Line, node: NodeClient, run: dict[str, Any], file: Path, **options: Any
) -> Ended:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    wanted = {
        "endpoint": f"{line.url}/api/v1/node/runs/{run['run']}/result/?attempt=1",
        "headers": node.headers,
        "metadata": {"sha256": digest, "media_type": "application/octet-stream"},
        "chunkSize": CHUNK,
        "retryDelays": TRIES,
        **options,
    }
    done = subprocess.run(
        [NODE_JS, SCRIPT, MODULES, file],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
    )
    return Ended(**json.loads(done.stdout))


def stored(server: Server) -> bytes:
    return (server.folder / "results" / str(Result.objects.get().file)).read_bytes()


def test_it_goes_on_where_the_line_broke(
    first_server: Server, node: NodeClient, run: dict[str, Any], file: Path
) -> None:
    breaks = [CHUNK // 2, 3 * CHUNK, SIZE - CHUNK // 2]
    with Line(first_server.port, breaks) as line:
        assert send(line, node, run, file).status == 200
    assert line.broken == len(breaks)
    heads = CHUNK // 10
    assert SIZE < line.sent < SIZE + len(breaks) * CHUNK + heads
    assert stored(first_server) == file.read_bytes()
    assert Run.objects.get().status == "completed"


def test_it_sends_the_first_bytes_with_the_request_that_creates_the_upload(
    first_server: Server, node: NodeClient, run: dict[str, Any], file: Path
) -> None:
    with Line(first_server.port, [CHUNK // 2, 3 * CHUNK]) as line:
        ended = send(line, node, run, file, uploadDataDuringCreation=True)
    assert (ended.status, line.broken) == (200, 2)
    assert stored(first_server) == file.read_bytes()


def test_it_resumes_what_an_earlier_process_began(
    first_server: Server, node: NodeClient, run: dict[str, Any], file: Path
) -> None:
    with Line(first_server.port, [SIZE // 2]) as line:
        first = send(line, node, run, file, retryDelays=None)
        assert first.status == 0
        before = line.sent
        assert send(line, node, run, file, uploadUrl=first.url).status == 200
    assert line.sent - before < SIZE // 2 + 2 * CHUNK
    assert stored(first_server) == file.read_bytes()


def test_it_learns_that_the_sum_is_wrong(
    first_server: Server, node: NodeClient, run: dict[str, Any], file: Path
) -> None:
    with Line(first_server.port) as line:
        wrong = {"sha256": "0" * 64}
        assert send(line, node, run, file, metadata=wrong).status == 422
    assert not Result.objects.exists()
    assert Run.objects.get().status == "claimed"
