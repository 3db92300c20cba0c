"""The daemon's life: serving, then draining, then leaving; and its threads."""

import logging
import threading
from collections.abc import Callable

from ptm_node.clock import Backoff, Clock
from ptm_node.errors import DaemonLeaving, Refused, Terminal, Trouble

log = logging.getLogger(__name__)


class Life:
    """Two events that only ever go on, and the error that ended it all, if one did.

    draining: nothing new is begun. leaving: every thread returns.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.draining = threading.Event()
        self.leaving = threading.Event()
        self.error: Terminal | None = None
        self._wakers: list[Callable[[], None]] = []

    def on_leaving(self, wake: Callable[[], None]) -> None:
        """Registers what lets a thread notice that it is to return."""
        self._wakers.append(wake)

    def fail(self, error: Terminal) -> None:
        self.error = self.error or error
        self.leave()

    def leave(self) -> None:
        self.leaving.set()
        self.draining.set()
        for wake in self._wakers:
            wake()

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than the daemon lives."""
        self.clock.wait(self.leaving, seconds)

    def insist(self, action: Callable[[], None]) -> None:
        """Does something that only a fault of this machine can prevent for a while."""
        backoff = Backoff(self.clock)
        while True:
            try:
                return action()
            except Exception:
                log.exception("unexpected; trying again")
            if self.clock.wait(self.leaving, backoff.delay()):
                raise DaemonLeaving("the daemon leaves")

    def repeat(self, name: str, step: Callable[[], None]) -> threading.Thread:
        """Starts a thread that takes one step after the other until `leaving`."""
        thread = threading.Thread(
            target=self._loop, args=(name, step), name=name, daemon=True
        )
        thread.start()
        return thread

    def _loop(self, name: str, step: Callable[[], None]) -> None:
        backoff = Backoff(self.clock)
        while not self.leaving.is_set():
            try:
                step()
                backoff.reset()
            except Terminal as error:
                self.fail(error)
            except Trouble as trouble:
                log.debug("%s: %s", name, trouble)
                self.pause(backoff.delay(trouble.retry_after))
            except Refused as refused:
                log.error("%s: %s", name, refused)
                self.pause(backoff.delay())
            except Exception:
                log.exception("%s: unexpected; going on", name)
                self.pause(backoff.delay())
