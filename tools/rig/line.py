"""A line to a server that carries bytes as they come, and breaks where it is told."""

import asyncio
import contextlib
from collections.abc import Iterable

from tools.rig.listening import Listening
from tools.rig.process import free_port

PIECE = 1 << 16
DOWN_SECONDS = 0.3


class Line(Listening):
    """Listens on a loopback port, in a thread of its own, while the block lasts.

    `breaks` are numbers of bytes: as soon as so many have gone to the server, every
    connection ends in the middle of what it carries, and for a moment nobody gets
    through.
    """

    def __init__(self, server_port: int, breaks: Iterable[int] = ()) -> None:
        super().__init__()
        self.port = free_port()
        self.sent = 0  # to the server, whatever for
        self.broken = 0
        self._server_port = server_port
        self._breaks = sorted(breaks, reverse=True)
        self._down_until = 0.0
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            self._carry, "127.0.0.1", self.port, limit=PIECE
        )

    async def _close(self) -> None:
        self._listener.close()
        self._end_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.sleep(self._down_until - self._loop.time())
        server = await asyncio.open_connection(
            "127.0.0.1", self._server_port, limit=PIECE
        )
        ends = {writer, server[1]}
        self._ends |= ends
        await asyncio.gather(
            self._pump(reader, server[1], counted=True),
            self._pump(server[0], writer, counted=False),
        )
        self._ends -= ends

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        counted: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE):
                target.write(piece)
                await target.drain()
                if counted:
                    self._count(len(piece))
        target.close()

    def _count(self, size: int) -> None:
        self.sent += size
        if self._breaks and self.sent >= self._breaks[-1]:
            self._breaks.pop()
            self.broken += 1
            self._down_until = self._loop.time() + DOWN_SECONDS
            self._end_all()

    def _end_all(self) -> None:
        for end in self._ends:
            end.transport.abort()
