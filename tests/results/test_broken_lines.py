"""A node's own code sends a result to the real server, on lines that break."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from ptm_node.errors import Trouble
from ptm_node.journal import Output
from ptm_node.messages import Key
from ptm_node.sections import Server as Address
from ptm_node.server_api import ServerApi
from ptm_node.uploads import CHUNK, Upload

from apps.results.models import Result
from tests.daemon import NodeClient
from tests.live import go_live
from tests.worlds import World
from tools.rig.line import Line
from tools.rig.server import Server

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 2 * CHUNK + 1
STEPS = 200


@pytest.fixture
def node(world: World, first_server: Server) -> NodeClient:
    go_live(world, first_server)
    return world.nodes[0]


def troubles(line: Line, node: NodeClient, run: dict[str, Any], file: Path) -> int:
    """Send the file; return how often that did not go on."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    output = Output(digest, SIZE, "application/octet-stream")
    api = ServerApi(Address(url=line.url), node.key.text, node.instance)
    key = Key(run["run"], run["attempt"])
    upload = Upload(api.transport, key, file, output, resumed=False)
    found = 0
    for _ in range(STEPS):
        try:
            if upload.step():
                return found
        except Trouble:
            found += 1
    raise AssertionError(f"The upload did not end in {STEPS} steps.")


@pytest.mark.parametrize("every", [CHUNK + CHUNK // 2, CHUNK // 3])
def test_it_arrives_though_no_whole_chunk_may_get_through(
    every: int,
    first_server: Server,
    node: NodeClient,
    run: dict[str, Any],
    tmp_path: Path,
) -> None:
    file = tmp_path / "result"
    file.write_bytes(os.urandom(SIZE))
    with Line(first_server.port, range(every, 20 * SIZE, every)) as line:
        assert troubles(line, node, run, file) >= line.broken > 0
        assert line.sent < 3 * SIZE
    kept = first_server.folder / "results" / str(Result.objects.get().file)
    assert kept.read_bytes() == file.read_bytes()


def test_what_came_of_a_chunk_is_not_sent_again(
    first_server: Server, node: NodeClient, run: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "result"
    file.write_bytes(os.urandom(SIZE))
    breaks = [CHUNK // 2, CHUNK + CHUNK // 2]
    with Line(first_server.port, breaks) as line:
        assert troubles(line, node, run, file) == line.broken == len(breaks)
        assert line.sent < SIZE + CHUNK // 2
