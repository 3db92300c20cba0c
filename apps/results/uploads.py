"""The bytes of results on their way in: tus 1.0, core and creation.

Bytes are appended to one file per upload. Its length on disk is the truth after a
crash; `offset` in the row follows it, and the whole counts only once its sum is right.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.errors import Conflict, Missing, Refusal
from apps.nodes.models import Node
from apps.results.models import Result, Upload
from apps.results.services import commit_result, name_of
from apps.tasks.choices import TERMINAL, RunStatus
from apps.tasks.logs import OffsetConflict
from apps.tasks.models import Run
from apps.tasks.reports import held_run

MAX_CHUNK_BYTES = 32 * 1024 * 1024
BLOCK = 1024 * 1024
RESERVED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Announced:
    """What the node says of the result that it is going to send."""

    attempt: int
    length: int
    sha256: str
    media_type: str


def path_of(upload: Upload) -> Path:
    return Path(settings.UPLOAD_DIR) / upload.uuid.hex


@transaction.atomic
def create_upload(*, node: Node, run_id: int, announced: Announced) -> Upload:
    """Open an upload for the node's attempt; the same content again gives the same."""
    run = held_run(node, run_id, announced.attempt)
    known = Upload.objects.filter(
        run=run,
        attempt=announced.attempt,
        length=announced.length,
        sha256=announced.sha256,
    ).first()
    if known is not None and run.status == RunStatus.COMPLETED:
        return known
    _check_wanted(run)
    _check_length(announced.length)
    if known is not None:
        return known
    upload = Upload(
        run=run,
        attempt=announced.attempt,
        length=announced.length,
        sha256=announced.sha256,
        media_type=announced.media_type,
    )
    upload.full_clean()
    Path(settings.UPLOAD_DIR).mkdir(parents=True, exist_ok=True, mode=0o700)
    path_of(upload).touch(mode=0o600)
    upload.save()
    return upload


def _check_wanted(run: Run) -> None:
    if run.cancel_requested_at is not None:
        raise Conflict("run_cancelled", "The run was cancelled; discard the result.")
    if run.status in TERMINAL:
        raise Conflict("run_terminal", f"The run is {run.status} already.")


def _check_length(length: int) -> None:
    if length == 0:
        raise Refusal("result_empty", "A result has at least one byte.")
    if length > settings.MAX_RESULT_BYTES:
        raise Refusal(
            "result_too_large",
            f"A result has at most {settings.MAX_RESULT_BYTES:,} bytes.",
            status=413,
        )
    free = shutil.disk_usage(settings.DATA_DIR).free
    if length + RESERVED_BYTES > free:
        raise _disk_full()


def _disk_full() -> Refusal:
    return Refusal("server_disk_full", "The server has no room for it now.", status=507)


def find_upload(*, node: Node, uuid: str) -> Upload:
    """Return the upload of a run that this node holds or completed.

    Of a completed one, a crash between commit and removal may have left the bytes here.
    """
    upload = (
        Upload.objects.select_related("run").filter(uuid=uuid, run__node=node).first()
    )
    if upload is None or upload.attempt != upload.run.attempt:
        raise Missing
    if upload.offset == upload.length:
        path_of(upload).unlink(missing_ok=True)
    return upload


def settled_upload(*, node: Node, uuid: str) -> Upload:
    """Return the upload when no request writes it any more: its offset holds then."""
    upload = find_upload(node=node, uuid=uuid)
    if upload.offset == upload.length:
        return upload
    with _locked_file(upload):
        return find_upload(node=node, uuid=uuid)


def append(*, node: Node, uuid: str, offset: int, body: BinaryIO) -> Upload:
    """Add the next bytes; with the last one the result is checked and committed.

    Bytes are written and summed outside any transaction. The row follows: it counts
    the last bytes only together with the committed result, so an `offset` that
    equals `length` always means that the result is stored.
    """
    upload = find_upload(node=node, uuid=uuid)
    if upload.offset == upload.length:
        return upload
    _check_wanted(upload.run)
    with _locked_file(upload) as file:
        # Again: another writer may have gone on, or ended it.
        upload = find_upload(node=node, uuid=uuid)
        if offset != upload.offset:
            raise OffsetConflict(upload.offset)
        with _room_on_disk():
            length = _write(file, upload, body)
        if length == upload.length:
            _check_sum(upload)
        _advance(node, upload, length)
    return upload


@contextmanager
def _locked_file(upload: Upload) -> Iterator[BinaryIO]:
    """Open the upload's file for one writer at a time."""
    with _opened(upload) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UploadBusy from error
        yield file


def _opened(upload: Upload) -> BinaryIO:
    try:
        return path_of(upload).open("r+b")
    except FileNotFoundError as error:
        # Completed meanwhile, or its bytes are lost: then it begins again.
        Upload.objects.filter(pk=upload.pk, offset__lt=F("length")).delete()
        raise Missing from error


class UploadBusy(Refusal):
    """503, which every client tries again: the other writer is this node's own."""

    status = 503

    def __init__(self) -> None:
        super().__init__("upload_busy", "The same upload is being written.")
        self.headers = {"Retry-After": "1"}


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full() from error
        raise


def _write(file: BinaryIO, upload: Upload, body: BinaryIO) -> int:
    """Append `body`, make it durable, and return the new length.

    What a crash left behind `offset` is cut off first.
    """
    file.truncate(upload.offset)
    file.seek(upload.offset)
    while block := body.read(BLOCK):
        if file.tell() + len(block) > upload.length:
            raise Refusal("length_exceeded", "More bytes than announced.")
        file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return file.tell()


def _check_sum(upload: Upload) -> None:
    with path_of(upload).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == upload.sha256:
            return
    discard(upload)
    raise Refusal("checksum_mismatch", "The bytes are not those announced.", status=422)


@transaction.atomic
def _advance(node: Node, upload: Upload, length: int) -> None:
    run = held_run(node, upload.run_id, upload.attempt)
    _check_wanted(run)
    upload.offset = length
    upload.save(update_fields=("offset", "touched_at"))
    if length == upload.length:
        commit_result(run=run, node=node, upload=upload, path=path_of(upload))


def discard(upload: Upload) -> None:
    """Forget an upload and its bytes, those of a commit that a crash cut off too."""
    path_of(upload).unlink(missing_ok=True)
    name = name_of(upload)
    if not Result.objects.filter(file=name).exists():
        Result.file.field.storage.delete(name)
    upload.delete()
