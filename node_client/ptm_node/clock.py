"""Time, chance and waiting: nothing else in the node sleeps or rolls dice."""

import random
import threading
import time


class Clock:
    """The real one. Tests pass one that hurries."""

    def now(self) -> float:
        """Seconds since 1970, comparable between starts of the daemon."""
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)

    def spread(self, seconds: float, share: float = 0.2) -> float:
        """Somewhat more or less, so that many nodes do not act in step."""
        return seconds * random.uniform(1 - share, 1 + share)  # noqa: S311 (not a secret)


class Backoff:
    """Delays that double from `first` to `cap`; each is at least half of that."""

    def __init__(self, clock: Clock, first: float = 0.5, cap: float = 30.0) -> None:
        self._clock = clock
        self._first = first
        self._cap = cap
        self._next = first

    def delay(self, at_least: float = 0.0) -> float:
        delay = self._clock.spread(self._next * 0.75, share=1 / 3)
        self._next = min(self._next * 2, self._cap)
        return max(delay, at_least)

    def reset(self) -> None:
        self._next = self._first
