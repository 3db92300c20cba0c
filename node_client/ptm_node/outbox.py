"""What the server has yet to hear: words first, then results, then logs.

One thread sends, one step at a time, so that a large result never holds back a word
and a slow line is not shared. What fails waits alone and lets the others pass.
"""

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ptm_node.audit import Fact
from ptm_node.clock import Backoff
from ptm_node.deliveries import Delivery, LastReport, Notice, Rank, ResultUpload
from ptm_node.errors import AttemptGone, Refused, Terminal, Trouble
from ptm_node.journal import Output, Phase, Row
from ptm_node.messages import Key, Report, Status, StopOrder
from ptm_node.site import Site

log = logging.getLogger(__name__)

_CANCELLED = ("cancelled", "run_cancelled")
_WAITING = (Phase.AWAITING_APPROVAL, Phase.AWAITING_RELEASE)
_FAR = 3600.0


@dataclass(eq=False)
class _Item:
    delivery: Delivery
    order: int
    due: float
    backoff: Backoff
    failing: bool = False
    told_to_wait: bool = False


class Outbox:
    def __init__(self, site: Site, on_stop: Callable[[StopOrder], None]) -> None:
        self.site = site
        self.on_stop = on_stop
        self._lock = threading.Condition()
        self._wake = threading.Event()
        self._numbers = itertools.count()
        self._items: list[_Item] = []
        self._dropped: list[tuple[Key, str]] = []

    # What others ask for, from any thread.

    def load(self, rows: list[Row]) -> None:
        """Goes on with what an earlier life of the daemon could not send."""
        for row in rows:
            if row.stop is not None and row.phase is not Phase.STARTED:
                self.discard(row.key, row.stop)
            elif row.report is not None:
                if not self._is_recorded(row.key, row.report):
                    self._record_end(row.key, row.report)
                self.add(LastReport(self, row.key, row.report))
            elif row.phase in _WAITING:
                self.notice(row.key, Status(row.phase))
            elif row.output is not None:
                self.add(ResultUpload(self, row.key, row.output, resumed=True))

    def notice(self, key: Key, status: Status) -> None:
        self.add(Notice(self, key, status))

    def result(self, key: Key, output: Output) -> None:
        self.site.journal.spooled(key, output)
        self.add(ResultUpload(self, key, output, resumed=False))

    def last_word(self, key: Key, report: Report) -> None:
        """The end of an attempt without a result. Anything else of it is dropped."""
        self.site.journal.ended(key, report)
        self._record_end(key, report)
        self._drop(key)
        self.site.spool.discard(key)
        self.add(LastReport(self, key, report))

    def discard(self, key: Key, reason: str) -> None:
        """Drops what waits of an attempt; the sending thread does it."""
        with self._lock:
            self._dropped.append((key, reason))
        self._wake.set()

    def add(self, delivery: Delivery, after: float = 0.0) -> None:
        """Sends it in its turn; nothing happens if it waits already."""
        clock = self.site.life.clock
        with self._lock:
            if any(item.delivery is delivery for item in self._items):
                return
            due = clock.monotonic() + after
            order = next(self._numbers)
            self._items.append(_Item(delivery, order, due, Backoff(clock)))
        self._wake.set()

    def hurry(self) -> None:
        """The server can be reached: what waited for that goes now."""
        with self._lock:
            for item in self._items:
                if item.delivery.rank < Rank.LOG and not item.told_to_wait:
                    item.due = 0.0
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()
        with self._lock:
            self._lock.notify_all()

    def wait_until_sent(self) -> None:
        """Returns when all is sent, or when what is left cannot be sent now."""

        def settled() -> bool:
            left = [item for item in self._items if not item.failing]
            return self.site.life.leaving.is_set() or not (left or self._dropped)

        with self._lock:
            self._lock.wait_for(settled)

    # What the sending thread does.

    def step(self) -> None:
        self._wake.clear()
        self._settle_dropped()
        item = self._next()
        delay = item.due - self.site.life.clock.monotonic() if item else _FAR
        if item is None or delay > 0:
            self.site.life.clock.wait(self._wake, delay)
            return
        self._deliver(item)
        with self._lock:
            self._lock.notify_all()

    def say_last_words(self) -> None:
        """One try for each word; only when no other thread sends any more."""
        with self._lock:
            words = [i for i in self._items if i.delivery.rank == Rank.WORD]
        for item in words:
            self._deliver(item)

    def forget(self, key: Key) -> None:
        """The server has acknowledged the end of this attempt."""
        self.site.spool.discard(key)
        self.site.journal.forget(key)
        self._drop(key)

    def give_up(self, key: Key, reason: str) -> None:
        """The server does not want this attempt; a cancel still waits for a word."""
        log.info("run %s is discarded: %s", key, reason)
        if self.site.spool.path(key).exists():
            self._record("result.discarded", key, reason=reason)
        if reason in _CANCELLED:
            self.last_word(key, Report(key.attempt, Status.CANCELLED))
        else:
            self.forget(key)

    def sent(self, key: Key, output: Output) -> None:
        """The server has the whole result."""
        self._record("result.sent", key, sha256=output.sha256, size=output.size)
        self.forget(key)

    def _record_end(self, key: Key, report: Report) -> None:
        self._record(f"run.{report.status}", key, code=report.code)

    def _is_recorded(self, key: Key, report: Report) -> bool:
        """Whether the earlier life that journalled the end lived to record it."""
        ends = self.site.audit.newest(f"run.{report.status}")
        return any((end["run"], end["attempt"]) == key for end in ends)

    def _record(self, event: str, key: Key, **facts: Fact) -> None:
        self.site.audit.record(event, run=key.run, attempt=key.attempt, **facts)

    def _deliver(self, item: _Item) -> None:
        delivery = item.delivery
        try:
            if delivery.step():
                self._remove(item)
            item.failing = False
            item.backoff.reset()
        except Trouble as trouble:
            log.debug("run %s: %s", delivery.key, trouble)
            self._postpone(item, trouble.retry_after)
        except AttemptGone as gone:
            self._remove(item)
            delivery.gone(gone.reason)
        except Refused as refused:
            log.error("run %s: %s", delivery.key, refused)
            self._remove(item)
            delivery.refused(refused)
        except Terminal:
            raise
        except Exception:
            log.exception("run %s: unexpected; going on", delivery.key)
            self._postpone(item)

    def _postpone(self, item: _Item, at_least: float = 0.0) -> None:
        item.failing, item.told_to_wait = True, at_least > 0
        item.due = self.site.life.clock.monotonic() + item.backoff.delay(at_least)

    def _next(self) -> _Item | None:
        """The first that is due by rank and age; else the one that is due first."""
        now = self.site.life.clock.monotonic()
        with self._lock:
            return min(
                self._items,
                key=lambda item: (
                    max(item.due - now, 0.0),
                    item.delivery.rank,
                    item.order,
                ),
                default=None,
            )

    def _settle_dropped(self) -> None:
        while self._dropped:
            with self._lock:
                key, reason = self._dropped[0]
            if self.site.journal.row(key) is not None:
                self.give_up(key, reason)
            with self._lock:
                self._dropped.pop(0)
                self._lock.notify_all()

    def _remove(self, item: _Item) -> None:
        with self._lock:
            if item in self._items:
                self._items.remove(item)

    def _drop(self, key: Key) -> None:
        """Drops all that waits of an attempt, except its log."""
        with self._lock:
            self._items = [
                item
                for item in self._items
                if item.delivery.key != key or item.delivery.rank == Rank.LOG
            ]
