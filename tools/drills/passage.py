"""A way from a port in one network to a port in ours; passes every byte."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any

from tools.drills.network import Network
from tools.rig.listening import Listening

PIECE_BYTES = 1 << 16
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Passage(Listening):
    def __init__(self, network: Network, port: int, target: int) -> None:
        super().__init__()
        self.network = network
        self.port = port
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, near: Streams) -> None:
        """One connection, from its beginning to its end."""
        with ended(near):
            far = await self._connect()
            with ended(far):
                await first_of(self._pump(near[0], far[1]), self._pump(far[0], near[1]))

    async def _connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                sink.write(piece)
                await sink.drain()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            lambda *near: self._begin(self._serve(near)),
            sock=self.network.listen(self.port),
            limit=PIECE_BYTES,
        )

    async def _close(self) -> None:
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def ended(streams: Streams) -> Iterator[None]:
    """What one side breaks off is no error of ours: the node has to live with it."""
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            yield
    finally:
        streams[1].close()


async def first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Both directions, until one of them ends."""
    pumps = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
