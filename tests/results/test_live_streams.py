"""Large results through the real server: constant memory, and restarts half-way."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.results.models import Result
from apps.tasks.models import Run
from tests.daemon import NodeClient
from tests.live import LiveClient, go_live, running_server
from tests.worlds import World
from tools.rig.memory import Growth
from tools.rig.server import Server

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

MIB = 1024 * 1024
LARGE = 96 * MIB
# What a stream may add to the process: a few blocks, whatever the result's size.
ADDED = 24 * MIB


@pytest.fixture
def server(world: World, data_folder: Path) -> Iterator[Server]:
    with running_server(data_folder) as running:
        go_live(world, running)
        yield running


def stored(server: Server, result: Result) -> Path:
    """Where the server keeps the result's bytes."""
    return server.folder / "results" / str(result.file.name)


@pytest.fixture
def large(world: World, server: Server, node: NodeClient) -> Result:
    """A completed run whose result was replaced by a sparse file of zeros."""
    world.send(organizations=[world.sites[0].pk])
    (run,) = node.claimed()
    node.complete(run)
    result: Result = Result.objects.get()
    with stored(server, result).open("r+b") as file:
        file.truncate(LARGE)
    Result.objects.update(size=LARGE)
    return result


def streamed_bytes(server: Server, world: World, path: str) -> int:
    client: Any = world.person("alice")
    assert isinstance(client, LiveClient)
    with requests.get(
        f"{server.url}/api/v1/{path}", headers=client.common, stream=True, timeout=60
    ) as answer:
        assert answer.status_code == 200
        return sum(len(block) for block in answer.iter_content(MIB))


def test_a_large_download_does_not_pass_through_memory(
    world: World, server: Server, large: Result
) -> None:
    client: Any = world.person("alice")
    client.get("/api/v1/me/")
    growth = Growth(server.pid)
    path = f"results/{large.pk}/download/"
    assert streamed_bytes(server, world, path) == LARGE
    # Not even where a client asks a download to wait.
    assert streamed_bytes(server, world, f"{path}?wait=5") == LARGE
    assert streamed_bytes(server, world, f"tasks/{large.run.task_id}/results.zip") > 0
    assert growth.bytes < ADDED


def test_a_zip_and_a_range_are_the_same_through_the_real_server(
    world: World, server: Server, node: NodeClient
) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = node.claimed()
    data = bytes(range(256)) * 20_000
    node.complete(run, data)
    alice = world.person("alice")
    archive: Any = alice.get(f"/api/v1/tasks/{task['id']}/results.zip")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        (name,) = opened.namelist()
        assert opened.read(name) == data
    path = f"/api/v1/results/{Result.objects.get().pk}/download/"
    part: Any = alice.get(path, headers={"Range": "bytes=2000000-"})
    assert (part.status_code, part.content) == (206, data[2_000_000:])
    head: Any = LiveClient(server, alice.common["Authorization"]).head(path)  # type: ignore[attr-defined]
    assert (head.status_code, head["Content-Length"]) == (200, str(len(data)))


def test_a_large_upload_does_not_pass_through_memory(
    world: World, server: Server, node: NodeClient
) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = node.claimed()
    growth = Growth(server.pid)
    chunk = bytes(8 * MIB)
    location = node.announce(run, b"", length=4 * len(chunk), sha256="0" * 64)
    for number in range(3):
        answer = node.patch(location["Location"], chunk, number * len(chunk))
        assert answer.status_code == 204
    assert growth.bytes < 2 * ADDED


def test_a_restart_between_two_chunks_loses_nothing(
    world: World, server: Server, node: NodeClient
) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = node.claimed()
    data = bytes(range(256)) * 4096
    half = len(data) // 2
    location = node.announce(run, data)["Location"]
    assert node.patch(location, data[:half]).status_code == 204
    server.stop()
    with (server.folder / "uploads" / location.split("/")[-2].replace("-", "")).open(
        "ab"
    ) as file:
        file.write(b"what the last request wrote before the power went")
    server.start()
    assert node.offset(location) == half
    assert node.heartbeat([{"run": run["run"], "attempt": 1}]).json()["stop"] == []
    assert node.patch(location, data[half:], half).status_code == 204
    assert Run.objects.get().status == "completed"
    result = Result.objects.get()
    assert stored(server, result).read_bytes() == data
