"""A result on its way in: tus 1.0, and what counts only when it is whole and right."""

import hashlib
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from apps.results.models import Result, Upload
from apps.results.sweeps import delete_abandoned_uploads, delete_orphaned_bytes
from apps.tasks.models import Run, Task
from tests.daemon import OCTETS, NodeClient, encoded
from tests.stored import acts, moves, nothing_stored
from tests.worlds import World

DATA = b'{"n": 686, "sum": 36424.0}'


def status(run: dict[str, Any]) -> str:
    return str(Run.objects.get(pk=run["run"]).status)


def files(folder: Any) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_a_whole_result_completes_the_run_in_one_go(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    created = node.announce(run, DATA)
    assert (created.status_code, created["Upload-Offset"]) == (201, "0")
    assert created["Tus-Resumable"] == "1.0.0"
    done = node.patch(created["Location"], DATA)
    assert (done.status_code, done["Upload-Offset"]) == (204, str(len(DATA)))
    result = Result.objects.get(run=run["run"])
    assert (result.size, result.sha256, result.media_type) == (
        len(DATA),
        hashlib.sha256(DATA).hexdigest(),
        "application/json",
    )
    with result.file.open("rb") as stored:
        assert stored.read() == DATA
    assert Path(result.file.path).stat().st_mode & 0o777 == 0o600
    assert status(run) == "completed"
    assert moves(run["run"])[-1] == ("claimed", "completed")
    assert Task.objects.get().status == "finished"
    assert acts("result.stored", object_id=run["run"]) == 1


def test_it_may_come_in_pieces_and_be_resumed(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    for start, end in ((0, 5), (5, 6), (6, 20)):
        answer = node.patch(location, DATA[start:end], start)
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(end))
        assert node.offset(location) == end
        assert status(run) == "claimed"
    head = node.client.head(location, headers=node.tus_headers)
    assert (head["Upload-Length"], head["Cache-Control"]) == (
        str(len(DATA)),
        "no-store",
    )
    assert node.patch(location, DATA[20:], 20).status_code == 204
    assert status(run) == "completed"


def test_the_request_that_creates_it_may_bring_the_whole(
    node: NodeClient, run: dict[str, Any]
) -> None:
    created = node.bring(run, DATA, DATA)
    assert (created.status_code, created["Upload-Offset"]) == (201, str(len(DATA)))
    with Result.objects.get(run=run["run"]).file.open("rb") as stored:
        assert stored.read() == DATA
    assert status(run) == "completed"
    with nothing_stored():  # and if that answer got lost
        again = node.bring(run, DATA, DATA)
        for name in ("Location", "Upload-Offset"):
            assert again[name] == created[name]
        assert node.offset(created["Location"]) == len(DATA)


def test_the_request_that_creates_it_may_bring_the_first_bytes(
    node: NodeClient, run: dict[str, Any]
) -> None:
    created = node.bring(run, DATA, DATA[:5])
    assert (created.status_code, created["Upload-Offset"]) == (201, "5")
    again = node.bring(run, DATA, DATA)
    assert (again["Location"], again["Upload-Offset"]) == (created["Location"], "5")
    assert node.patch(created["Location"], DATA[5:], 5).status_code == 204
    assert status(run) == "completed"


@pytest.mark.parametrize(
    ("bring", "code"),
    [(DATA + b" ", "length_exceeded"), (DATA[::-1], "checksum_mismatch")],
)
def test_what_it_brings_is_checked_like_any_bytes(
    node: NodeClient, run: dict[str, Any], bring: bytes, code: str
) -> None:
    assert node.bring(run, DATA, bring).json()["code"] == code
    assert not Result.objects.exists()
    assert status(run) == "claimed"
    assert node.bring(run, DATA, DATA)["Upload-Offset"] == str(len(DATA))


def test_what_is_not_wanted_is_not_taken_with_it_either(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    Run.objects.update(cancel_requested_at=timezone.now())
    answer = node.bring(run, DATA, DATA)
    assert (answer.status_code, answer.json()["code"]) == (409, "run_cancelled")
    assert not Upload.objects.exists()
    assert files(settings.UPLOAD_DIR) == []


def test_creating_the_same_again_gives_the_same_location(
    node: NodeClient, run: dict[str, Any]
) -> None:
    first = node.announce(run, DATA)
    node.patch(first["Location"], DATA[:4])
    with nothing_stored():
        again = node.announce(run, DATA)
    assert (again.status_code, again["Location"]) == (201, first["Location"])
    assert again["Upload-Offset"] == "4"
    other = node.announce(run, DATA + b" ")
    assert other["Location"] != first["Location"]


def test_after_the_end_every_repeat_is_acknowledged(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA)
    with nothing_stored():
        assert node.announce(run, DATA)["Location"] == location
        assert node.offset(location) == len(DATA)
        for data, offset in ((DATA, 0), (b"", len(DATA)), (DATA[5:], 5)):
            answer = node.patch(location, data, offset)
            assert (answer.status_code, answer["Upload-Offset"]) == (
                204,
                str(len(DATA)),
            )
        answer = node.announce(run, b"something else")
        assert (answer.status_code, answer.json()["code"]) == (409, "run_terminal")


@pytest.mark.parametrize("offset", [1, 4, 6, 10**9])
def test_a_wrong_offset_is_told_the_right_one(
    node: NodeClient, run: dict[str, Any], offset: int
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    answer = node.patch(location, DATA[5:], offset)
    assert (answer.status_code, answer.json()["code"]) == (409, "offset_conflict")
    assert answer["Upload-Offset"] == "5"
    assert (node.offset(location), status(run)) == (5, "claimed")


def test_an_empty_piece_changes_nothing(node: NodeClient, run: dict[str, Any]) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    answer = node.patch(location, b"", 5)
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "5")


def test_a_wrong_sum_is_discarded_and_may_begin_again(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    location = node.announce(run, DATA)["Location"]
    answer = node.patch(location, DATA.replace(b"6", b"7"))
    assert (answer.status_code, answer.json()["code"]) == (422, "checksum_mismatch")
    assert (status(run), Result.objects.count(), Upload.objects.count()) == (
        "claimed",
        0,
        0,
    )
    assert files(settings.UPLOAD_DIR) == files(settings.MEDIA_ROOT) == []
    assert node.patch(location, DATA).status_code == 404
    assert node.upload(run, DATA).status_code == 204
    assert status(run) == "completed"


def test_more_bytes_than_announced_are_refused(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    answer = node.patch(location, DATA + b"!")
    assert (answer.status_code, answer.json()["code"]) == (400, "length_exceeded")
    assert (node.offset(location), status(run)) == (0, "claimed")
    assert node.patch(location, DATA).status_code == 204


def test_fewer_bytes_than_announced_are_not_a_result(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA, length=len(DATA) + 1)["Location"]
    assert node.patch(location, DATA).status_code == 204
    assert status(run) == "claimed"
    answer = node.patch(location, b"!", len(DATA))
    assert answer.json()["code"] == "checksum_mismatch"


def test_empty_and_too_large_results_are_refused(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    settings.MAX_RESULT_BYTES = 1000
    with nothing_stored():
        table = [(0, 400, "result_empty"), (1001, 413, "result_too_large")]
        for length, code, text in table:
            answer = node.announce(run, DATA, length=length)
            assert (answer.status_code, answer.json()["code"]) == (code, text)
    assert node.announce(run, DATA, length=1000).status_code == 201


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"length": "-1"}, "header_invalid"),
        ({"length": "1e3"}, "header_invalid"),
        ({"length": ""}, "header_invalid"),
        ({"length": "9" * 19}, "header_invalid"),
        ({"sha256": "short"}, "header_invalid"),
        ({"sha256": "A" * 64}, "header_invalid"),
        ({"sha256": "0" * 64 + "\n"}, "header_invalid"),
        ({"media_type": "text/html; charset=utf-8"}, "header_invalid"),
        ({"media_type": "html"}, "header_invalid"),
        ({"media_type": "a" * 60 + "/b"}, "header_invalid"),
        ({"media_type": "text/html\r\nX-Evil: 1"}, "header_invalid"),
    ],
)
def test_a_wrong_announcement_is_refused(
    node: NodeClient, run: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    with nothing_stored():
        answer = node.announce(run, DATA, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    "metadata",
    ["", "sha256", "sha256 !!!", "sha256 w6k=", ",,,", f"SHA256 {encoded('0' * 64)}"],
)
def test_metadata_without_a_sum_is_refused(
    node: NodeClient, run: dict[str, Any], metadata: str
) -> None:
    with nothing_stored():
        answer = node.client.post(
            f"/api/v1/node/runs/{run['run']}/result/?attempt=1",
            headers={
                **node.tus_headers,
                "Upload-Length": "5",
                "Upload-Metadata": metadata,
            },
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "header_invalid")


@pytest.mark.parametrize("version", ["", "0.2.2", "2.0.0"])
def test_only_tus_1_is_spoken(
    node: NodeClient, run: dict[str, Any], version: str
) -> None:
    location = node.announce(run, DATA)["Location"]
    headers = {**node.tus_headers, "Tus-Resumable": version, "Upload-Offset": "0"}
    for answer in (
        node.client.post(
            f"/api/v1/node/runs/{run['run']}/result/?attempt=1", headers=headers
        ),
        node.client.patch(location, DATA, content_type=OCTETS, headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "tus_version")
        assert answer["Tus-Version"] == "1.0.0"
    assert node.offset(location) == 0


def test_a_stale_attempt_cannot_upload(
    world: World, node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    node.heartbeat([])  # the node says that it has lost the run
    (again,) = node.claimed()
    assert node.patch(location, DATA[5:], 5).status_code == 404
    assert node.announce(run, DATA).json()["code"] == "attempt_stale"
    assert status(run) == "claimed"
    assert node.upload(again, DATA).status_code == 204


@pytest.mark.parametrize("end", ["failed", "expired", "withheld"])
def test_an_ended_run_takes_no_result(
    node: NodeClient, run: dict[str, Any], end: str
) -> None:
    location = node.announce(run, DATA)["Location"]
    Run.objects.update(status=end, finished_at=timezone.now())
    for answer in (node.patch(location, DATA), node.announce(run, DATA)):
        assert (answer.status_code, answer.json()["code"]) == (409, "run_terminal")
    assert not Result.objects.exists()


def test_an_unknown_upload_is_not_found(node: NodeClient) -> None:
    path = f"/api/v1/node/uploads/{uuid.uuid4()}/"
    assert node.patch(path, DATA).status_code == 404
    assert node.client.head(path, headers=node.tus_headers).status_code == 404


def test_uploads_that_nobody_finishes_are_swept(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    long_ago = timezone.now() - timedelta(days=2)
    Upload.objects.update(touched_at=long_ago)
    assert delete_abandoned_uploads() == 0  # its node may come back
    node.report(run["run"], 1, "failed", code="exit_nonzero")
    assert delete_abandoned_uploads() == 1
    assert (Upload.objects.count(), files(settings.UPLOAD_DIR)) == (0, [])
    assert delete_abandoned_uploads() == 0


def test_bytes_of_no_upload_are_swept_when_they_are_old(
    node: NodeClient, run: dict[str, Any], settings: LazySettings
) -> None:
    assert delete_orphaned_bytes() == 0
    node.patch(node.announce(run, DATA)["Location"], DATA[:5])
    (kept,) = files(settings.UPLOAD_DIR)
    young, old = kept.with_name("0" * 32), kept.with_suffix(".done")
    for path in (young, old):
        path.write_bytes(DATA)
    long_ago = (timezone.now() - timedelta(days=2)).timestamp()
    for path in (kept, old):
        os.utime(path, (long_ago, long_ago))
    assert delete_orphaned_bytes() == 1
    assert set(files(settings.UPLOAD_DIR)) == {kept, young}


def test_a_file_that_goes_meanwhile_does_not_end_the_sweep(
    settings: LazySettings, db: None
) -> None:
    """A link to nothing is just that: listed, and not there to be looked at."""
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(parents=True)
    going, old = folder / "going", folder / "old"
    going.symlink_to(folder / "gone")
    old.write_bytes(DATA)
    os.utime(old, (0, 0))
    assert delete_orphaned_bytes() == 1
    assert not old.exists()
