"""The attempts that this daemon works on now, each in a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from ptm_node.confirming import give_back
from ptm_node.errors import DaemonLeaving
from ptm_node.journal import Phase, Row
from ptm_node.messages import Key, StopOrder
from ptm_node.outbox import Outbox
from ptm_node.runs import Attempt
from ptm_node.site import Site

log = logging.getLogger(__name__)

_PULLS_FOR_A_SLOT = 4


class Roster:
    def __init__(
        self,
        site: Site,
        on_slot: Callable[[], None],
        on_left_over: Callable[[], None],
    ) -> None:
        self.outbox = Outbox(site, on_stop=self.stop)
        self._site = site
        self._on_slot = on_slot
        self._on_left_over = on_left_over
        self._slots = site.config.limits.concurrent_runs
        self._changed = threading.Condition()
        self._active: dict[Key, Attempt] = {}
        # Of these, the ones that wait for their image and keep no slot meanwhile.
        self._pulling: dict[Key, str] = {}
        # And those that have it, and wait for a slot.
        self._ready: set[Key] = set()
        self._waiting: deque[Row] = deque()

    @property
    def capacity(self) -> int:
        """How many more runs could begin at once."""
        with self._changed:
            free = self._slots - self._due - len(self._waiting)
            # Slow registries must not make the node take all there is.
            more = _PULLS_FOR_A_SLOT * self._slots - len(self._pulling)
            return max(min(free, more), 0)

    @property
    def pulling(self) -> list[str]:
        """The images that are on their way."""
        with self._changed:
            return sorted(set(self._pulling.values()))

    @property
    def _due(self) -> int:
        """How many attempts have a slot, or will have the next."""
        return len(self._active) - len(self._pulling)

    def leave(self, attempt: Attempt) -> None:
        """An attempt pulls its image: others may run meanwhile."""
        with self._changed:
            self._pulling[attempt.key] = attempt.image
            self._fill_slots()
        self._on_slot()

    def take_again(self, attempt: Attempt) -> None:
        """Returns when an attempt that pulled may go on, with a slot or to its end."""
        with self._changed:
            if attempt.key not in self._pulling:
                return
            del self._pulling[attempt.key]
            self._ready.add(attempt.key)
            leaving = self._site.life.leaving.is_set
            self._changed.wait_for(
                lambda: (
                    self._due - len(self._ready) < self._slots
                    or attempt.unwanted
                    or leaving()
                )
            )
            self._ready.remove(attempt.key)
        if leaving():
            raise DaemonLeaving("the daemon leaves")
        self._on_slot()

    def has(self, key: Key) -> bool:
        with self._changed:
            return key in self._active

    def begin(self, rows: list[Row]) -> None:
        """Takes up runs; what runs already is attended whatever the limit says."""
        with self._changed:
            for row in rows:
                if row.phase is Phase.STARTED:
                    self._spawn(row)
                else:
                    self._waiting.append(row)
            self._fill_slots()
        if self._site.life.draining.is_set():
            self.give_back_waiting()

    def stop(self, order: StopOrder) -> None:
        """The server no longer wants an attempt from this node."""
        row = self._site.journal.row(order.key)
        if row is None or row.stop is not None:
            return
        if row.phase is Phase.SPOOLED and order.reason == "finished":
            return  # by this very result, perhaps: its upload will be told
        log.info("run %s is to be stopped: %s", order.key, order.reason)
        self._site.journal.stop_ordered(order.key, order.reason)
        with self._changed:
            attempt = self._active.get(order.key)
            self._waiting = deque(r for r in self._waiting if r.key != order.key)
            if attempt is not None:
                attempt.stop(order.reason)
                self._changed.notify_all()
            else:
                self.outbox.discard(order.key, order.reason)

    def give_back_waiting(self) -> None:
        """What waits for a slot is left to other nodes."""
        with self._changed:
            rows, self._waiting = list(self._waiting), deque()
        for row in rows:
            self._give_back(row.key)

    def give_back_unstarted(self) -> None:
        """The same for what has a slot, but no running container."""
        for row in self._site.journal.rows():
            if row.phase is Phase.CLAIMED and self.has(row.key):
                self._give_back(row.key)

    def remove_containers(self) -> None:
        """Of a node whose key was revoked: its runs belong to others now."""
        with self._changed:
            attempts = list(self._active.values())
        for attempt in attempts:
            attempt.remove_container()

    def wait_until_idle(self) -> None:
        """Returns when no attempt is active, or when the daemon leaves."""
        leaving = self._site.life.leaving
        with self._changed:
            self._changed.wait_for(lambda: not self._active or leaving.is_set())

    def join(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._active, seconds)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _give_back(self, key: Key) -> None:
        self.outbox.last_word(key, give_back().report(key))

    def _spawn(self, row: Row) -> None:
        attempt = Attempt(row, self._site, self.outbox, slot=self)
        self._active[row.key] = attempt
        threading.Thread(
            target=self._run, args=(attempt,), name=f"run-{row.key}", daemon=True
        ).start()

    def _run(self, attempt: Attempt) -> None:
        try:
            attempt.execute()
        finally:
            self._end(attempt)

    def _end(self, attempt: Attempt) -> None:
        leaving = self._site.life.leaving.is_set()
        with self._changed:
            del self._active[attempt.key]
            self._pulling.pop(attempt.key, None)
            if attempt.unwanted and not leaving:
                self.outbox.discard(attempt.key, attempt.unwanted)
            self._fill_slots()
            self._changed.notify_all()
        if attempt.left_over:
            self._on_left_over()
        self._on_slot()

    def _fill_slots(self) -> None:
        if self._site.life.draining.is_set():
            return
        while self._waiting and self._due < self._slots:
            self._spawn(self._waiting.popleft())
