"""A run's log: pieces that join by offset, so a repeated piece changes nothing."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.errors import Conflict, Refusal
from apps.nodes.models import Node
from apps.tasks.events import notify_readers
from apps.tasks.models import LogChunk, Run
from apps.tasks.reports import held_run

MAX_CHUNK_BYTES = 256 * 1024
MAX_LOG_BYTES = 1024 * 1024
ACCEPTED_AFTER_END = timedelta(hours=1)


class OffsetConflict(Conflict):
    """A piece, of a log or of a result, that does not join what is there."""

    def __init__(self, offset: int) -> None:
        super().__init__("offset_conflict", f"The next byte is number {offset}.")
        self.headers = {"Upload-Offset": str(offset)}


@transaction.atomic
def append_log(
    *, node: Node, run_id: int, attempt: int, offset: int, data: bytes
) -> int:
    """Add `data` at `offset` of this attempt's log; return the log's new length."""
    run = held_run(node, run_id, attempt)
    if not takes_more(run):
        raise Conflict("run_terminal", "The run ended; its log is closed.")
    length = log_length(run)
    if offset != length:
        raise OffsetConflict(length)
    if length + len(data) > MAX_LOG_BYTES:
        raise Refusal("log_full", "The log has reached its limit.", status=413)
    if data:
        LogChunk.objects.create(run=run, attempt=attempt, offset=offset, data=data)
        Run.objects.filter(pk=run.pk).update(log_size=length + len(data))
        notify_readers(run.pk)
    return length + len(data)


def log_length(run: Run) -> int:
    last = LogChunk.objects.filter(run=run, attempt=run.attempt).last()
    return last.offset + len(last.data) if last else 0


def read_log(run: Run, offset: int = 0) -> bytes:
    """Return the present attempt's log from byte `offset` on."""
    # No piece that holds a byte from there on begins earlier than this.
    chunks = LogChunk.objects.filter(
        run=run, attempt=run.attempt, offset__gt=offset - MAX_CHUNK_BYTES
    )
    pieces = [(chunk.offset, bytes(chunk.data)) for chunk in chunks]
    if not pieces:
        return b""
    first, _ = pieces[0]
    return b"".join(data for _, data in pieces)[max(offset - first, 0) :]


def takes_more(run: Run) -> bool:
    """Whether the node may still add to the log: its last piece may be on its way."""
    ended = run.finished_at
    return ended is None or timezone.now() - ended <= ACCEPTED_AFTER_END
