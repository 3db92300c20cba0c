"""Results on disk, from the end of the container to the server's acknowledgement."""

import hashlib
import os
import stat
from pathlib import Path
from typing import IO

import msgspec

from ptm_node.errors import RunFailure
from ptm_node.journal import Output
from ptm_node.messages import Code, Key
from ptm_node.sections import Size

_CHUNK = 1 << 20
# JSON up to this size is recognised; more would cost memory for a mere label.
_JSON_AT_MOST = 1 << 20


class Spool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def path(self, key: Key) -> Path:
        return self._folder / str(key)

    def keep(self, source: Path, key: Key, limit: Size) -> Output:
        """Copies a container's output so that not even a power cut loses it.

        Raises RunFailure if there is no output, or none that may be sent.
        """
        part = self._folder / f"{key}.part"
        try:
            with open_output(source, limit) as original, part.open("wb") as copy:
                output = _copy(original, copy)
                copy.flush()
                os.fsync(copy.fileno())
            part.rename(self.path(key))
        finally:
            part.unlink(missing_ok=True)
        self._sync()
        return output

    def discard(self, key: Key) -> None:
        self.path(key).unlink(missing_ok=True)

    def sweep(self, known: set[Key]) -> None:
        """Removes whatever belongs to no attempt that the journal knows."""
        wanted = {str(key) for key in known}
        for path in self._folder.iterdir():
            if path.name not in wanted:
                path.unlink()

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def open_output(source: Path, limit: Size) -> IO[bytes]:
    """Opens what a container wrote, without trusting what it is."""
    try:
        number = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        detail = "the output file is gone or was replaced"
        raise RunFailure(Code.OUTPUT_INVALID, detail) from error
    try:
        _check(os.fstat(number), limit)
    except RunFailure:
        os.close(number)
        raise
    return os.fdopen(number, "rb")


def _check(found: os.stat_result, limit: Size) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise RunFailure(Code.OUTPUT_INVALID, "the output is not a regular file")
    if found.st_size == 0:
        raise RunFailure(Code.OUTPUT_MISSING, "the algorithm wrote no output")
    if found.st_size > limit:
        detail = f"the output is larger than {limit.in_words}"
        raise RunFailure(Code.OUTPUT_TOO_LARGE, detail)


def _copy(original: IO[bytes], copy: IO[bytes]) -> Output:
    digest, size, first = hashlib.sha256(), 0, b""
    while chunk := original.read(_CHUNK):
        first = first or chunk
        digest.update(chunk)
        size += copy.write(chunk)
    media_type = "application/octet-stream"
    if size <= _JSON_AT_MOST and size == len(first) and _is_json(first):
        media_type = "application/json"
    return Output(digest.hexdigest(), size, media_type)


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True
