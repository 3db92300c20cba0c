"""What the node asks the server, and what the server wants of it.

Hello, heartbeat and claim all compare what the node holds with what the server
thinks that it holds, so whatever got lost in between is put right within seconds.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from ptm_node import __version__
from ptm_node.announcing import announcement_of
from ptm_node.channel import Channel
from ptm_node.desk import Desk
from ptm_node.errors import ClaimStale, Trouble
from ptm_node.hours import quiet_until
from ptm_node.journal import PAUSE
from ptm_node.messages import (
    Announcement,
    Claim,
    Claimed,
    Hello,
    StopOrder,
)
from ptm_node.recovery import Recovery
from ptm_node.roster import Roster
from ptm_node.site import Site

log = logging.getLogger(__name__)

_LOOK_SECONDS = 30.0
_HELD_SECONDS = 25
# Without a socket and without room for work, a stop is heard after this at most.
_FULL_SECONDS = 5.0
# Between two claims that a server (or a proxy) should have held, but did not.
_BREATH_SECONDS = 1.0
_ENGINE_SECONDS = 2.0


class Dispatcher:
    """Two loops: `look` claims work, `beat` says that the node is there."""

    def __init__(
        self,
        site: Site,
        roster: Roster,
        instance: str,
        on_welcome: Callable[[], None],
    ) -> None:
        self._site = site
        self._roster = roster
        self._recovery = Recovery(site, roster)
        self._desk = Desk(site, roster)
        self._instance = instance
        self._on_welcome = on_welcome
        self._boot = site.journal.begin_life(site.life.clock.now())
        self._woken = threading.Event()
        self._announced: Announcement | None = None
        self._heartbeat_seconds = 20.0
        self._more = True
        site.api.transport.introduce = self._hello

    def wake(self) -> None:
        """Something may have changed: look at once."""
        self._woken.set()

    def slot_freed(self) -> None:
        """Looks again if the last claim took all that it could."""
        if self._more:
            self.wake()

    def await_runtime(self) -> None:
        """Gives the engine a moment to answer, so that the hello can name it."""
        self._site.life.clock.wait(self._woken, _ENGINE_SECONDS)

    def tidy_up(self) -> None:
        """The engine came or went, or kept a container: compare it with the journal."""
        self._recovery.hurry()
        self.wake()

    def look(self, channel: Channel) -> None:
        """Claims what there is, and waits until there may be more."""
        self._woken.clear()
        self._recovery.step()
        if self._announced is None:
            self._hello()
            self._on_welcome()
        if not self._ordered_rest():
            self._recovery.begin_unstarted()
        self._desk.step(may_begin=not self._why_not())
        capacity = self._capacity()
        hold = _HELD_SECONDS if channel.polling and capacity else 0
        began = self._site.life.clock.monotonic()
        pulling = self._roster.pulling
        answer = self._claim(capacity, hold, pulling)
        full = len(answer.runs) >= capacity
        # Of the images that are on their way it is given none.
        self._more = full or bool(pulling)
        if (full or self._roster.pulling != pulling) and self._capacity():
            return  # a slot became free meanwhile, or an image came
        if not hold:
            self._rest(_FULL_SECONDS if channel.polling else _LOOK_SECONDS)
        elif not answer.runs:
            spent = self._site.life.clock.monotonic() - began
            self._rest(_BREATH_SECONDS - spent)

    def beat(self) -> None:
        """One heartbeat, and a new hello if there is something new to announce."""
        clock = self._site.life.clock
        self._site.life.pause(clock.spread(self._heartbeat_seconds))
        if self._site.life.leaving.is_set():
            return
        if self._announced != announcement_of(self._site):
            self._hello()
        site = self._site
        answer = site.api.heartbeat(site.journal.holdings(), site.audit.head())
        self._site.journal.note("last_contact", clock.now())
        self._obey(answer.stop)
        self._roster.outbox.hurry()
        if answer.work:
            self.wake()

    def _hello(self) -> None:
        announcement = announcement_of(self._site)
        holdings = self._site.journal.holdings()
        welcome = self._site.api.hello(
            Hello(
                instance=self._instance,
                boot=self._boot,
                version=__version__,
                last_claim=holdings.last_claim,
                held=holdings.held,
                announce=announcement,
            )
        )
        self._announced = announcement
        self._heartbeat_seconds = min(max(welcome.heartbeat_seconds, 1.0), 300.0)
        self._site.journal.note("node", welcome.node)
        self._site.journal.note("organization", welcome.organization.name)
        self._site.journal.note("last_contact", self._site.life.clock.now())
        log.info("serving %s as node %d", welcome.organization.name, welcome.node)
        self._obey(welcome.stop)

    def _claim(self, capacity: int, hold: int, pulling: list[str]) -> Claimed:
        holdings = self._site.journal.holdings()
        # The number follows from the journal alone: it stays the same until an
        # answer is in the journal, over any number of restarts.
        number = holdings.last_claim + 1
        claim = Claim(number, capacity, holdings.held, holdings.stopping, pulling)
        try:
            answer = self._site.api.claim(claim, hold)
        except ClaimStale as stale:
            log.warning("%s; going on from there", stale)
            self._site.journal.adopt_last_claim(stale.last_claim)
            self.wake()
            return Claimed(number)
        if answer.claim != number:
            raise Trouble("the answer belongs to another claim")
        rows = self._site.journal.record_claim(number, answer.runs)
        self._roster.begin(rows)
        self._obey(answer.stop)
        return answer

    def _obey(self, orders: list[StopOrder]) -> None:
        for order in orders:
            self._roster.stop(order)

    def _capacity(self) -> int:
        """How many runs to ask for: none while they could not be started."""
        reason = self._why_not()
        if reason != self._site.journal.noted("paused"):
            self._site.journal.note("paused", reason)
        return 0 if reason else self._roster.capacity

    def _why_not(self) -> str:
        if self._site.life.draining.is_set():
            return "the daemon is ending"
        if not self._site.runtime.ready or not self._recovery.done:
            return "the container engine does not answer"
        return self._ordered_rest()

    def _ordered_rest(self) -> str:
        """Why the site wants nothing new to begin now, if it does not."""
        if ordered := self._site.journal.noted(PAUSE):
            return f"paused: {ordered}"
        now = datetime.fromtimestamp(self._site.life.clock.now()).astimezone()
        quiet = quiet_until(self._site.config.policy.quiet_hours, now)
        return f"quiet hours until {quiet}" if quiet else ""

    def _rest(self, seconds: float) -> None:
        clock = self._site.life.clock
        clock.wait(self._woken, clock.spread(max(seconds, 0.0)))
