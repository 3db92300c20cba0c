"""The kinds of things that wait in the outbox, and what each does when refused."""

from __future__ import annotations

import logging
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ptm_node.errors import OffsetConflict, Refused, Trouble
from ptm_node.journal import Output
from ptm_node.messages import Code, Key, Report, Status, StopOrder
from ptm_node.uploads import Upload

if TYPE_CHECKING:
    from ptm_node.outbox import Outbox

log = logging.getLogger(__name__)

# Half of what the tightest firewalls take in one request.
_LOG_PIECE = 64 << 10
_DAMAGED_AT_MOST = 3


class Rank(IntEnum):
    """Who goes first."""

    WORD = 1
    RESULT = 2
    LOG = 3


class Delivery(Protocol):
    key: Key
    rank: Rank

    def step(self) -> bool:
        """Sends a bit; true when nothing is left. Trouble means: again later."""

    def gone(self, reason: str) -> None:
        """The server does not want this attempt any more."""

    def refused(self, refused: Refused) -> None:
        """The server says no, and would say so again."""


class Notice:
    """Says how far an attempt is. A hint: nothing waits for it."""

    rank = Rank.WORD

    def __init__(self, outbox: Outbox, key: Key, status: Status) -> None:
        self.key = key
        self._outbox = outbox
        self._status = status

    def step(self) -> bool:
        report = Report(self.key.attempt, self._status)
        if self._outbox.site.api.report(self.key.run, report).stop:
            self.gone("cancelled")
        return True

    def gone(self, reason: str) -> None:
        self._outbox.on_stop(StopOrder(*self.key, reason))

    def refused(self, refused: Refused) -> None:
        pass  # the end of the run will be told anyway


class LastReport:
    """The end of an attempt that has no result. Repeated until acknowledged."""

    rank = Rank.WORD

    def __init__(self, outbox: Outbox, key: Key, report: Report) -> None:
        self.key = key
        self._outbox = outbox
        self._report = report

    def step(self) -> bool:
        self._outbox.site.api.report(self.key.run, self._report)
        self._outbox.forget(self.key)
        return True

    def gone(self, reason: str) -> None:
        if self._report.status is Status.CANCELLED:
            self._outbox.forget(self.key)
        else:
            self._outbox.give_up(self.key, reason)

    def refused(self, refused: Refused) -> None:
        report = internal_failure(self.key)
        if self._report == report:
            self._outbox.forget(self.key)  # there is no simpler way to say it
        else:
            self._outbox.last_word(self.key, report)


class ResultUpload:
    """A spooled result, sent chunk by chunk."""

    rank = Rank.RESULT

    def __init__(
        self, outbox: Outbox, key: Key, output: Output, *, resumed: bool
    ) -> None:
        site = outbox.site
        self.key = key
        self._outbox = outbox
        self._output = output
        self._damaged = 0
        self._named = f"result of run {key}"
        self._upload = Upload(
            site.api.transport, key, site.spool.path(key), output, resumed=resumed
        )

    def step(self) -> bool:
        try:
            acknowledged = self._upload.step()
        except Refused as refused:
            self._begin_again_if_damaged(refused)
            return False
        progress = self._outbox.site.progress
        progress.tell(self._named, self._upload.sent, self._output.size)
        if acknowledged:
            progress.end(self._named)
            self._outbox.sent(self.key, self._output)
        return acknowledged

    def gone(self, reason: str) -> None:
        self._outbox.site.progress.end(self._named)
        self._outbox.give_up(self.key, reason)

    def refused(self, refused: Refused) -> None:
        self._outbox.site.progress.end(self._named)
        report = internal_failure(self.key)
        if refused.code == "result_too_large":
            report = Report(
                self.key.attempt,
                Status.FAILED,
                Code.OUTPUT_TOO_LARGE,
                "the server does not take a result of this size",
                retry=False,
            )
        self._outbox.last_word(self.key, report)

    def _begin_again_if_damaged(self, refused: Refused) -> None:
        self._damaged += 1
        if refused.code != "checksum_mismatch" or self._damaged >= _DAMAGED_AT_MOST:
            raise refused
        self._upload.restart()
        raise Trouble("the result was damaged on its way") from refused


class LogTail:
    """The part of a log that the server has not got yet.

    Nothing is journalled: after a restart the server's answer to a wrong offset says
    where to go on.
    """

    rank = Rank.LOG

    def __init__(self, outbox: Outbox, key: Key, path: Path) -> None:
        self.key = key
        self._outbox = outbox
        self._path = path
        self._offset = 0
        self._full = False

    def step(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(self._offset)
            piece = file.read(_LOG_PIECE)
        if not piece or self._full:
            return True
        try:
            self._offset = self._outbox.site.api.send_log(self.key, self._offset, piece)
        except OffsetConflict as conflict:
            self._offset = conflict.offset
            raise Trouble(str(conflict)) from None
        return False

    def gone(self, reason: str) -> None:
        self._full = True

    def refused(self, refused: Refused) -> None:
        self._full = True


def internal_failure(key: Key) -> Report:
    """When the node cannot say more: the reason is in its own log."""
    detail = "the node met an error; its log says more"
    return Report(key.attempt, Status.FAILED, Code.INTERNAL, detail, retry=False)
