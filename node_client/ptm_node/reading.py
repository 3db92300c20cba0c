"""`ptm-node logs`: what a container wrote, as the site keeps it."""

import time
from collections.abc import Iterator
from pathlib import Path

from ptm_node.errors import NotKept
from ptm_node.journal import Journal, Phase
from ptm_node.logs import LogFolder
from ptm_node.messages import Key
from ptm_node.status import open_journal

# How often a growing log is looked at.
LOOK_SECONDS = 0.5
_PIECE = 64 << 10
_MAY_WRITE = (Phase.CLAIMED, Phase.AWAITING_APPROVAL, Phase.STARTED)


def newest_attempt(state: Path, run: int) -> Key:
    with open_journal(state) as journal:
        held = [row.key for row in journal.rows()]
    keys = [key for key in [*LogFolder(state / "logs").keys(), *held] if key.run == run]
    if not keys:
        raise NotKept(f"there is no log of run {run} here; `ptm-node runs` lists them")
    return max(keys)


def pieces(state: Path, key: Key, *, follow: bool) -> Iterator[bytes]:
    """The log so far; with `follow` what is added too, until the container has ended.

    A daemon that was started again writes the same log anew, from its beginning.
    """
    path = LogFolder(state / "logs").path(key)
    offset = 0
    with open_journal(state) as journal:
        while True:
            over = not follow or not _may_write(journal, key)
            while piece := _read(path, offset):
                offset += len(piece)
                yield piece
            if over:
                return
            time.sleep(LOOK_SECONDS)


def _may_write(journal: Journal, key: Key) -> bool:
    row = journal.row(key)
    return row is not None and row.phase in _MAY_WRITE


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(_PIECE)
    except FileNotFoundError:
        return b""
