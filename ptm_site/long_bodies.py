"""The rest of a long body, straight from its socket, where an application asks for it.

What comes through the parser is copied three times, and every piece stops and starts
the reading: twice the work of writing it to a disk.
"""

import asyncio
import socket
from collections.abc import Callable
from itertools import cycle

Bytes = bytes | memoryview

# Where a scope has what takes over: it is told how much came by messages.
REST = "ptm.rest_of_body"
BLOCK = 1024 * 1024


class Rest:
    """So many bytes of a connection, which itself reads nothing meanwhile.

    `went_on` is called at the end with how many of them are still to come.
    """

    def __init__(
        self,
        line: socket.socket,
        first: bytes,
        left: int,
        went_on: Callable[[int], None],
    ) -> None:
        # asyncio lets nobody else read what one of its transports has.
        self._line = line.dup()
        self._line.setblocking(False)
        self._first = first
        self._left = left
        self._went_on = went_on
        self._blocks = cycle([memoryview(bytearray(BLOCK)) for _ in range(2)])

    async def read(self, patience: float) -> tuple[list[Bytes], bool]:
        """Return the next bytes, which hold until the read after the next one.

        And whether more may follow: not of a line that broke, or was silent for
        `patience` seconds.
        """
        if self._first:
            first, self._first = self._first, b""
            return [first], True
        block = next(self._blocks)[: self._left]
        filled = 0
        while filled < len(block):
            size = await self._receive(block[filled:], patience)
            if not size:
                return [block[:filled]], False
            filled += size
            self._left -= size
        return [block], self._left > 0

    async def _receive(self, room: memoryview, patience: float) -> int:
        while True:
            try:
                return self._line.recv_into(room)
            except BlockingIOError:
                if not await self._readable(patience):
                    return 0
            except OSError:
                return 0

    async def _readable(self, patience: float) -> bool:
        """Take nothing: a time-out in the same moment would lose what was taken."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._line, ready.set)
        try:
            async with asyncio.timeout(patience):
                await ready.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._line)
        return True

    def close(self) -> None:
        self._line.close()
        self._went_on(self._left)
