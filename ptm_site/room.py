"""How many requests are inside Django at once. Others wait, as the bytes that came:
whatever would be made of these weighs ten times as much, and is of no use yet.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from ptm_site.loops import one_each

THREADS = 16
INSIDE = 2 * THREADS
LOOK_SECONDS = 0.1


class Room(asyncio.Semaphore):
    """Taken once a request is whole, so that a slow one keeps nobody out."""

    def __init__(self) -> None:
        super().__init__(INSIDE)
        self._outside: deque[Callable[[], None]] = deque()
        self._look: asyncio.TimerHandle | None = None

    def is_full(self) -> bool:
        return self.locked() or bool(self._outside)

    def wait(self, enter: Callable[[], None]) -> None:
        """Call `enter` in its turn."""
        self._outside.append(enter)
        self._look_soon()

    def release(self) -> None:
        super().release()
        # One may be a socket's, which takes no room.
        self._admit(2)

    def _look_soon(self) -> None:
        """What was let in need not be a whole request, and then never leaves."""
        if self._look is None and self._outside:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(LOOK_SECONDS, self._look_now)

    def _look_now(self) -> None:
        self._look = None
        self._admit(INSIDE)
        self._look_soon()

    def _admit(self, most: int) -> None:
        while most and self._outside and not self.locked():
            most -= 1
            self._outside.popleft()()


room = one_each(Room)
