"""The next bytes of an upload: rights first, then bytes, then what they make of it.

`begin` locks the file for one writer, `take` appends, and `end` has the row follow. In
between no thread, transaction or connection is held, however slow the line is.
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from io import FileIO

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.errors import Missing, Refusal
from apps.nodes.models import Node
from apps.results.models import Upload
from apps.results.services import commit_result
from apps.results.sums import Sum, keep, sum_of, sum_so_far
from apps.results.uploads import (
    check_wanted,
    discard,
    disk_full,
    find_again,
    find_upload,
    is_stored,
    path_of,
)
from apps.tasks.logs import OffsetConflict
from apps.tasks.reports import held_run
from apps.writes import change
from ptm_site.long_bodies import Bytes


class UploadBusy(Refusal):
    """503, which every client tries again: the other writer is this node's own."""

    status = 503

    def __init__(self) -> None:
        super().__init__("upload_busy", "The same upload is being written.")
        self.headers = {"Retry-After": "1"}


class Chunk:
    """Bytes on their way into the file of an upload, which this one has locked."""

    def __init__(self, upload: Upload, file: FileIO) -> None:
        self.upload = upload
        self.start = self.length = upload.offset
        self.refusal: Refusal | None = None
        self.sum: Sum | None = None
        self._file = file

    def begin_at(self, offset: int) -> None:
        """What a crash left behind the upload's offset is cut off."""
        if offset != self.upload.offset:
            raise OffsetConflict(self.upload.offset)
        self._file.truncate(offset)
        self._file.seek(offset)
        self.sum = sum_so_far(self.upload.pk, offset)

    def take(self, blocks: Iterable[Bytes]) -> None:
        for block in blocks:
            self.write([block])
            self.add([block])

    def write(self, blocks: Iterable[Bytes]) -> None:
        """Append them; from the first refusal on, which `end` raises, nothing."""
        for block in blocks:
            if self.refusal is None:
                self.refusal = self._append(block)

    def add(self, blocks: Iterable[Bytes]) -> None:
        """Add them to the sum, which nobody asks for after a refusal."""
        if self.sum is not None:
            for block in blocks:
                self.sum.update(block)

    def _append(self, block: Bytes) -> Refusal | None:
        if self.length + len(block) > self.upload.length:
            return Refusal("length_exceeded", "More bytes than announced.")
        left = memoryview(block)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            return refusal_of(error)
        self.length += len(block)
        return None

    def make_durable(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise refusal_of(error) from error

    def close(self) -> None:
        """Let others write. They cut off what `end` has not counted."""
        self._file.close()


def refusal_of(error: OSError) -> Refusal:
    if error.errno == errno.ENOSPC:
        return disk_full()
    raise error


def settled_upload(*, node: Node, uuid: str) -> Upload:
    """Return the upload when no request writes it any more: its offset holds then."""
    upload = find_upload(node=node, uuid=uuid)
    if is_stored(upload):
        return upload
    with closing(_locked(node, upload)) as chunk:
        return chunk.upload


def begin(*, node: Node, uuid: str, offset: int) -> Chunk | None:
    """Open an upload for its next bytes; None if all of them are stored already."""
    upload = find_upload(node=node, uuid=uuid)
    if is_stored(upload):
        return None
    check_wanted(upload.run)
    with ExitStack() as unless_begun:
        chunk = unless_begun.enter_context(closing(_locked(node, upload)))
        if is_stored(chunk.upload):
            return None
        chunk.begin_at(offset)
        unless_begun.pop_all()
    return chunk


def end(*, node: Node, chunk: Chunk) -> Upload:
    """Count the bytes; with the last one the result is checked and committed.

    Bytes are written and summed outside any transaction. The row follows: it counts
    the last bytes only together with the committed result, so an `offset` that
    equals `length` always means that the result is stored.
    """
    upload = chunk.upload
    if chunk.refusal is not None:
        raise chunk.refusal
    if chunk.length == upload.length:
        chunk.make_durable()
        _check_sum(upload, chunk.sum)
    _advance(node, upload, chunk.length)
    if not is_stored(upload):
        keep(upload.pk, chunk.length, chunk.sum)
    return upload


def write_out(chunk: Chunk) -> None:
    """Have the disk begin: after the last chunk the node waits for what is left.

    Only with what is counted: the row's commit, which the node waits for too, may have
    to wait for all bytes that are on their way to the disk.
    """
    if is_stored(chunk.upload):
        return
    size = chunk.length - chunk.start
    with suppress(FileNotFoundError), path_of(chunk.upload).open("rb") as file:
        os.posix_fadvise(file.fileno(), chunk.start, size, os.POSIX_FADV_DONTNEED)


def take_first(*, node: Node, upload: Upload, blocks: Iterable[Bytes]) -> Upload:
    """Append what came with the request that opened the upload.

    Unless an earlier one has: its answer got lost, and how far it came is the answer.
    """
    if upload.offset:
        return upload
    with closing(_locked(node, upload)) as chunk:
        if chunk.upload.offset:
            return chunk.upload
        chunk.begin_at(0)
        chunk.take(blocks)
        return end(node=node, chunk=chunk)


def _locked(node: Node, upload: Upload) -> Chunk:
    """Lock the file for one writer; the row is as the last one left it."""
    file = _opened(upload)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        upload = find_again(node=node, upload=upload)
        _count_what_is_there(upload, file)
    except BlockingIOError as error:
        file.close()
        raise UploadBusy from error
    except BaseException:
        file.close()
        raise
    return Chunk(upload, file)


def _opened(upload: Upload) -> FileIO:
    """Made with the first chunk: a file has had its row for longer than itself."""
    path = path_of(upload)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = os.O_CREAT if upload.offset == 0 else 0
    try:
        return FileIO(os.open(path, os.O_RDWR | made, 0o600), "r+")
    except FileNotFoundError as error:
        # Completed meanwhile, or its bytes are lost: then it begins again.
        Upload.objects.filter(pk=upload.pk, offset__lt=F("length")).delete()
        raise Missing from error


def _count_what_is_there(upload: Upload, file: FileIO) -> None:
    """Only the whole is made durable: a power cut may take what the row counts."""
    length = os.fstat(file.fileno()).st_size
    if not is_stored(upload) and length < upload.offset:
        upload.offset = length
        upload.save(update_fields=("offset",))


def _check_sum(upload: Upload, known: Sum | None) -> None:
    whole = known or sum_of(path_of(upload))
    if whole.hexdigest() == upload.sha256:
        return
    discard(upload)
    raise Refusal("checksum_mismatch", "The bytes are not those announced.", status=422)


@transaction.atomic
def _advance(node: Node, upload: Upload, length: int) -> None:
    run = held_run(node, upload.run_id, upload.attempt)
    check_wanted(run)
    upload.offset = length
    change(Upload, {"id": upload.pk}, {"offset": length, "touched_at": timezone.now()})
    if length == upload.length:
        commit_result(run=run, node=node, upload=upload, path=path_of(upload))
