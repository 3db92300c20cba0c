"""The sums of uploads so far: with the last chunk, only that is left to be summed.

They are kept in memory. Whoever finds none, after a restart or in another process,
reads the file.
"""

import hashlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

KEPT = 1_000
Sum = Any  # hashlib does not say the type of what it makes

_kept: OrderedDict[int, tuple[int, Sum]] = OrderedDict()
_lock = Lock()


def sum_so_far(upload: int, length: int) -> Sum | None:
    """Take the sum of so many bytes of the upload, if that is what is known of it."""
    with _lock:
        known, so_far = _kept.pop(upload, (0, None))
    if length == 0:
        return hashlib.sha256()
    return so_far if known == length else None


def keep(upload: int, length: int, so_far: Sum | None) -> None:
    """For the upload's next chunk."""
    if so_far is None:
        return
    with _lock:
        _kept[upload] = (length, so_far)
        if len(_kept) > KEPT:
            _kept.popitem(last=False)


def sum_of(path: Path) -> Sum:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")
