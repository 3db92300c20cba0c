"""Results on their way out: ranges, names that harm nobody, zips, and who took what."""

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from apps.results.models import Result
from apps.results.streams import RangeUnsatisfiable, byte_range
from tests.stored import acts
from tests.worlds import World

DATA = b"0123456789"


@pytest.fixture
def result(world: World) -> Result:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run, DATA)
    stored: Result = Result.objects.get()
    return stored


def download(world: World, result: Result, **headers: str) -> Any:
    path = f"/api/v1/results/{result.pk}/download/"
    return world.person("alice").get(path, headers=headers)


def test_the_whole_is_sent_with_its_length_and_sum(
    world: World, result: Result
) -> None:
    answer = download(world, result)
    assert (answer.status_code, answer.getvalue()) == (200, DATA)
    assert answer["Content-Length"] == "10"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'


@pytest.mark.parametrize(
    ("header", "status", "content", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-", 206, DATA, "bytes 0-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, DATA, "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=99-100", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, DATA, None),
        ("bytes=0-1,4-5", 200, DATA, None),
        ("bytes=-", 200, DATA, None),
        ("bytes=a-b", 200, DATA, None),
        ("bytes=0-" + "9" * 40, 200, DATA, None),
        ("bytes=²-", 200, DATA, None),
        ("lines=1-2", 200, DATA, None),
        ("bytes", 200, DATA, None),
    ],
)
def test_ranges(
    world: World,
    result: Result,
    header: str,
    status: int,
    content: bytes,
    content_range: str | None,
) -> None:
    answer = download(world, result, Range=header)
    assert answer.status_code == status
    assert answer.get("Content-Range") == content_range
    if status == 416:
        assert answer.json()["code"] == "range_unsatisfiable"
    else:
        assert answer.getvalue() == content
        assert answer["Content-Length"] == str(len(content))


@pytest.mark.parametrize("size", [1, 2, 10**12])
def test_a_range_never_leaves_the_file(size: int) -> None:
    for first in ("", "0", "1", "5"):
        for last in ("", "0", "1", "7", str(10**17)):
            with contextlib.suppress(RangeUnsatisfiable):
                start, stop = byte_range(f"bytes={first}-{last}", size) or (0, size)
                assert 0 <= start < stop <= size


def test_nothing_of_a_result_is_rendered_by_a_browser(
    world: World, result: Result
) -> None:
    Result.objects.update(media_type="text/html")
    answer = download(world, result)
    assert answer["Content-Type"] == "application/octet-stream"
    name = f"organization-{world.sites[0].pk}-run-{result.run_id}.bin"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "accept", ["application/octet-stream", "application/zip", "text/html", "image/png"]
)
def test_a_client_may_say_what_it_expects(
    world: World, result: Result, accept: str
) -> None:
    assert download(world, result, Accept=accept).status_code == 200
    alice = world.person("alice")
    for path in (
        f"tasks/{result.run.task_id}/results.zip",
        f"runs/{result.run_id}/log/",
    ):
        answer = alice.get(f"/api/v1/{path}", headers={"Accept": accept})
        assert answer.status_code == 200


def test_every_download_is_recorded_once(world: World, result: Result) -> None:
    who = {"object_id": result.pk, "actor_id": world.people["alice"].pk}
    download(world, result)
    assert acts("result.downloaded", **who) == 1
    task = result.run.task_id
    world.person("alice").get(f"/api/v1/tasks/{task}/results.zip").getvalue()
    assert acts("result.downloaded", **who) == 2


def test_what_was_refused_is_not_recorded_as_a_download(
    world: World, rival: World, result: Result
) -> None:
    path = f"/api/v1/results/{result.pk}/download/"
    assert rival.person("alice").get(path).status_code == 404
    assert download(world, result, Range="bytes=99-").status_code == 416
    assert world.person("alice").head(path).status_code == 200
    assert acts("result.downloaded") == 0


def test_the_zip_has_one_file_for_each_result(world: World) -> None:
    task = world.send()
    contents = {}
    for site, node in zip(world.sites, world.nodes, strict=True):
        (run,) = node.claimed()
        data = f"result of {site.name}".encode() * 1000
        node.complete(run, data)
        contents[f"organization-{site.pk}-run-{run['run']}.json"] = data
    answer = world.person("alice").get(f"/api/v1/tasks/{task['id']}/results.zip")
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == (
        f'attachment; filename="task-{task["id"]}-results.zip"'
    )
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.testzip() is None
        assert {n: archive.read(n) for n in archive.namelist()} == contents


def test_the_zip_of_a_task_without_results_is_empty(world: World) -> None:
    task = world.send()
    answer = world.person("alice").get(f"/api/v1/tasks/{task['id']}/results.zip")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.namelist() == []


def test_the_zip_has_only_what_its_reader_may_see(world: World) -> None:
    task = world.send()
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    answer = world.person("dave").get(f"/api/v1/tasks/{task['id']}/results.zip")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        (name,) = archive.namelist()
    assert name.startswith(f"organization-{world.sites[1].pk}-")


def test_bytes_that_are_gone_are_our_fault_and_no_path_is_shown(
    world: World, result: Result
) -> None:
    path = result.file.path
    Path(path).unlink()
    client = world.person("alice")
    client.raise_request_exception = False
    answer = download(world, result)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert path not in answer.content.decode()
    assert acts("result.downloaded") == 0
