"""Bad days of an upload: crashes, full disks, two writers. Nothing is lost."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from apps.results import chunks, services, uploads
from apps.results.models import Result, Upload
from apps.tasks.models import Run
from tests.daemon import NodeClient
from tests.stored import acts, nothing_stored

DATA = b"0123456789" * 10


@pytest.fixture
def location(node: NodeClient, run: dict[str, Any]) -> str:
    created: str = node.announce(run, DATA)["Location"]
    return created


def on_disk() -> Path:
    return uploads.path_of(Upload.objects.get())


def stored() -> bytes:
    with Result.objects.get().file.open("rb") as file:
        data: bytes = file.read()
    return data


def files(folder: Any) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_bytes_that_a_crash_left_beyond_the_offset_are_cut_off(
    node: NodeClient, location: str
) -> None:
    node.patch(location, DATA[:40])
    with on_disk().open("ab") as file:
        file.write(b"half a chunk that was never acknowledged" * 9)
    assert node.offset(location) == 40
    assert node.patch(location, DATA[40:], 40).status_code == 204
    assert stored() == DATA


def test_a_server_that_dies_between_bytes_and_row_takes_the_piece_again(
    node: NodeClient, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> None:
        raise ConnectionError("the power went")

    node.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(chunks, "_advance", power_cut)
        assert node.patch(location, DATA).status_code == 500
    assert on_disk().read_bytes() == DATA
    assert node.offset(location) == 0
    assert not Result.objects.exists()
    assert node.patch(location, DATA).status_code == 204
    assert stored() == DATA


def test_a_commit_that_fails_leaves_run_and_bytes_as_they_were(
    node: NodeClient,
    run: dict[str, Any],
    location: str,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def database_gone(**_: object) -> None:
        raise ConnectionError("no database")

    node.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(services, "finish_run", database_gone)
        assert node.patch(location, DATA).status_code == 500
    assert node.offset(location) == 0
    assert Run.objects.get(pk=run["run"]).status == "claimed"
    assert not Result.objects.exists()
    assert files(settings.MEDIA_ROOT) == []
    assert node.patch(location, DATA).status_code == 204
    assert stored() == DATA
    assert acts("result.stored") == 1


@pytest.mark.django_db(transaction=True)
def test_after_the_commit_nothing_is_left_in_the_upload_folder(
    node: NodeClient, location: str, settings: LazySettings
) -> None:
    assert node.patch(location, DATA).status_code == 204
    assert files(settings.UPLOAD_DIR) == []
    assert [path.read_bytes() for path in files(settings.MEDIA_ROOT)] == [DATA]


def test_what_a_crash_left_of_a_commit_is_replaced_by_the_repeat(
    node: NodeClient, location: str, settings: LazySettings
) -> None:
    orphan = Path(settings.MEDIA_ROOT) / services.name_of(Upload.objects.get())
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(DATA)
    assert node.patch(location, DATA).status_code == 204
    assert files(settings.MEDIA_ROOT) == [orphan]
    assert stored() == DATA


def test_what_a_crash_left_of_a_commit_goes_with_an_upload_that_nobody_finishes(
    node: NodeClient, location: str, settings: LazySettings
) -> None:
    upload = Upload.objects.get()
    orphan = Path(settings.MEDIA_ROOT) / services.name_of(upload)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(DATA)
    uploads.discard(upload)
    assert files(settings.MEDIA_ROOT) == []


def test_a_result_stays_when_its_upload_is_forgotten(
    node: NodeClient, location: str
) -> None:
    node.patch(location, DATA)
    uploads.discard(Upload.objects.get())
    assert stored() == DATA


@pytest.mark.parametrize("way", ["by HEAD", "by the same again"])
def test_bytes_that_a_crash_left_after_the_commit_go_when_the_node_asks(
    way: str,
    node: NodeClient,
    run: dict[str, Any],
    location: str,
    settings: LazySettings,
) -> None:
    node.patch(location, DATA)
    on_disk().parent.mkdir(parents=True, exist_ok=True)
    on_disk().write_bytes(DATA)
    if way == "by HEAD":
        assert node.offset(location) == len(DATA)
    else:
        assert node.bring(run, DATA, DATA)["Upload-Offset"] == str(len(DATA))
    assert files(settings.UPLOAD_DIR) == []


def test_bytes_that_vanished_from_the_disk_are_asked_for_again(
    node: NodeClient, run: dict[str, Any], location: str
) -> None:
    node.patch(location, DATA[:40])
    on_disk().unlink()
    again = node.patch(location, DATA[40:], 40)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    fresh = node.announce(run, DATA)
    assert (fresh.status_code, fresh["Upload-Offset"]) == (201, "0")
    assert node.patch(fresh["Location"], DATA).status_code == 204
    assert stored() == DATA


def test_what_a_power_cut_took_is_asked_for_again(
    node: NodeClient, location: str
) -> None:
    node.patch(location, DATA[:40])
    os.truncate(on_disk(), 10)
    again = node.patch(location, DATA[40:], 40)
    assert (again.status_code, again["Upload-Offset"]) == (409, "10")
    assert node.offset(location) == 10
    assert node.patch(location, DATA[10:], 10).status_code == 204
    assert stored() == DATA


def test_an_upload_whose_beginning_was_rolled_back_leaves_no_file(
    node: NodeClient,
    run: dict[str, Any],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def database_gone(*_: object, **__: object) -> None:
        raise ConnectionError("no database")

    node.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "insert", database_gone)
        assert node.announce(run, DATA).status_code == 500
    assert files(settings.UPLOAD_DIR) == []
    assert node.upload(run, DATA).status_code == 204


def test_a_second_writer_is_told_to_wait_and_so_is_who_asks_for_the_offset(
    node: NodeClient, location: str
) -> None:
    node.patch(location, DATA[:40])
    with on_disk().open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        busy = node.patch(location, DATA[40:], 40)
        asked = node.client.head(location, headers=node.tus_headers)
    assert (busy.status_code, busy.json()["code"]) == (503, "upload_busy")
    assert asked.status_code == 503
    assert int(busy["Retry-After"]) == int(asked["Retry-After"]) >= 1
    assert node.patch(location, DATA[40:], 40).status_code == 204


def test_a_full_disk_is_said_before_any_byte_is_taken(
    node: NodeClient, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nearly_full(_: object) -> Any:
        return shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with nothing_stored():
        answer = node.announce(run, DATA)
    assert (answer.status_code, answer.json()["code"]) == (507, "server_disk_full")


def test_a_disk_that_fills_up_on_the_way_keeps_what_was_acknowledged(
    node: NodeClient, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.patch(location, DATA[:40])

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        answer = node.patch(location, DATA[40:], 40)
    assert (answer.status_code, answer.json()["code"]) == (507, "server_disk_full")
    assert node.offset(location) == 40
    assert node.patch(location, DATA[40:], 40).status_code == 204
    assert stored() == DATA


def test_a_piece_may_not_be_larger_than_the_protocol_says(
    node: NodeClient, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.results.node_api.MAX_CHUNK_BYTES", 50)
    answer = node.patch(location, DATA)
    assert (answer.status_code, answer.json()["code"]) == (413, "chunk_too_large")
    assert node.patch(location, DATA[:50]).status_code == 204


def test_a_nonsensical_content_length_is_refused(
    node: NodeClient, location: str
) -> None:
    for length in ("many", "-1", "²"):
        answer = node.client.patch(
            location,
            DATA,
            content_type="application/offset+octet-stream",
            headers={**node.tus_headers, "Upload-Offset": "0"},
            CONTENT_LENGTH=length,
        )
        assert answer.status_code == 400, length
    assert node.offset(location) == 0
