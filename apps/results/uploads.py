"""Results on their way in: tus 1.0, core and creation.

Bytes are appended to one file per upload (`chunks.py`). Its length on disk is the truth
after a crash; `offset` in the row follows it, and the whole counts only once its sum is
right.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.errors import Conflict, Missing, Refusal
from apps.nodes.models import Node
from apps.prepared import Prepared
from apps.results.models import Result, Upload
from apps.results.services import name_of
from apps.tasks.choices import TERMINAL, RunStatus
from apps.tasks.models import Run
from apps.tasks.reports import held_run
from apps.writes import insert

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
    known = _known(run, announced)
    if known is not None and run.status == RunStatus.COMPLETED:
        return _tidied(known)
    check_wanted(run)
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
    upload.clean_fields(exclude=("run",))  # whose lock lets no other be made meanwhile
    insert(upload)
    return upload


def _known(run: Run, announced: Announced) -> Upload | None:
    same = _same.objects(run=run.pk, length=announced.length, sha256=announced.sha256)
    return next((each for each in same if each.attempt == run.attempt), None)


_same = Prepared(lambda **said: Upload.objects.filter(**said).order_by())


def check_wanted(run: Run) -> None:
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
        raise disk_full()


def disk_full() -> Refusal:
    return Refusal("server_disk_full", "The server has no room for it now.", status=507)


def find_upload(*, node: Node, uuid: str) -> Upload:
    """Return the upload of a run that this node holds or completed."""
    found = Upload.objects.select_related("run").filter(uuid=uuid, run__node=node)
    return _expected(found.first())


def find_again(*, node: Node, upload: Upload) -> Upload:
    """Return the upload as it is now."""
    found = _again.objects(pk=upload.pk, node=node.pk)
    return _expected(found[0] if found else None)


def _build_again(*, pk: int, node: int) -> QuerySet[Upload]:
    found = Upload.objects.filter(pk=pk, run__node=node)
    return found.select_related("run").order_by()


# Asked with each piece of a result.
_again = Prepared(_build_again)


def _expected(upload: Upload | None) -> Upload:
    if upload is None or upload.attempt != upload.run.attempt:
        raise Missing
    return _tidied(upload)


def _tidied(upload: Upload) -> Upload:
    """A crash between commit and removal may have left the bytes of a stored one."""
    if is_stored(upload):
        path_of(upload).unlink(missing_ok=True)
    return upload


def is_stored(upload: Upload) -> bool:
    """The row counts the last byte only together with the committed result."""
    return upload.offset == upload.length


def discard(upload: Upload) -> None:
    """Forget an upload and its bytes, those of a commit that a crash cut off too."""
    path_of(upload).unlink(missing_ok=True)
    name = name_of(upload)
    if not Result.objects.filter(file=name).exists():
        Result.file.field.storage.delete(name)
    upload.delete()
