"""What serves a port in a thread of its own."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Self


class Listening(ABC):
    """Keeps an event loop in a thread while the block lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        """Return when the loop has done it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @abstractmethod
    async def _listen(self) -> None:
        """Open the port."""

    @abstractmethod
    async def _close(self) -> None:
        """Close it, and end every connection."""
