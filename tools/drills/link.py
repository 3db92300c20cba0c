"""The way between a node and its server, which the drills can damage.

Each request travels on a connection of its own, so that it can be held, lost or
repeated as a whole; a WebSocket is passed on byte by byte, and held with the rest.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Self

LATE_SECONDS = 0.5
HEAD_BYTES = 1 << 16
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Damage(Enum):
    """What the link does to what it is given."""

    NONE = "passes everything"
    CUT = "passes nothing, and refuses nothing"
    DEAF = "brings requests to the server, and no answer back"
    UNANSWERED = "the same, and hints pass"
    FORGETFUL = "loses the first answer to every request"
    ECHOING = "delivers every request again, later, behind newer ones"


HELD_REQUESTS = {Damage.CUT}
HELD_HINTS = {Damage.CUT, Damage.DEAF}
HELD_ANSWERS = {*HELD_HINTS, Damage.UNANSWERED}


@dataclass(frozen=True)
class Request:
    head: bytes
    body: bytes

    @property
    def upgrades(self) -> bool:
        return b"\nupgrade: websocket" in self.head.lower()

    @property
    def asks(self) -> str:
        """Method and path."""
        method, address, _ = self.head.split(b" ", 2)
        return f"{method.decode()} {address.decode().partition('?')[0]}"

    @property
    def alone(self) -> bytes:
        """The request as it is sent on a connection that ends with the answer."""
        lines = self.head.rstrip(b"\r\n").split(b"\r\n")
        kept = [each for each in lines if not each.lower().startswith(b"connection:")]
        return b"\r\n".join([*kept, b"Connection: close", b"", self.body])


class Link:
    """Listens on a loopback port, in a thread of its own, while the block lasts."""

    def __init__(self, port: int, server_port: int) -> None:
        self.port = port
        self.asked: Counter[str] = Counter()
        self._server_port = server_port
        self._damage = Damage.NONE
        self._answered: set[Request] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def damage(self, damage: Damage) -> None:
        """From now on, until another is set; what was held goes on when it may."""

        async def change() -> None:
            async with self._changed:
                self._damage = damage
                self._answered.clear()
                self._changed.notify_all()

        self._call(change()).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen()).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        self._changed = asyncio.Condition()
        self._listener = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=HEAD_BYTES
        )

    async def _close(self) -> None:
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, *node: Any) -> None:
        self._begin(self._serve(node))

    def _begin(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, node: Any) -> None:
        with _ended(node):
            request = await _read_request(node[0])
            self.asked[request.asks] += 1
            await self._passable(HELD_REQUESTS)
            if request.upgrades:
                await self._tunnel(request, node)
            else:
                await self._exchange(request, node[1])

    async def _exchange(self, request: Request, node: asyncio.StreamWriter) -> None:
        damage = self._damage
        answer = await self._ask(request)
        if damage is Damage.FORGETFUL and request not in self._answered:
            self._answered.add(request)
            return
        if damage is Damage.ECHOING:
            self._begin(self._ask_late(request))
        await self._passable(HELD_ANSWERS)
        node.write(answer)
        await node.drain()

    async def _ask(self, request: Request) -> bytes:
        server = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            server[1].write(request.alone)
            return await server[0].read()
        except OSError:  # killed meanwhile: the node gets no answer either
            return b""
        finally:
            server[1].close()

    async def _ask_late(self, request: Request) -> None:
        await asyncio.sleep(LATE_SECONDS)
        with contextlib.suppress(OSError):
            await self._ask(request)

    async def _tunnel(self, request: Request, node: Streams) -> None:
        server = await asyncio.open_connection("127.0.0.1", self._server_port)
        with _ended(server):
            server[1].write(request.head)
            pumps = [
                asyncio.ensure_future(self._pump(node[0], server[1], HELD_REQUESTS)),
                asyncio.ensure_future(self._pump(server[0], node[1], HELD_HINTS)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        held: set[Damage],
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(HEAD_BYTES):
                await self._passable(held)
                target.write(piece)
                await target.drain()

    async def _passable(self, held: set[Damage]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._damage not in held)


async def _read_request(node: asyncio.StreamReader) -> Request:
    head = await node.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return Request(head, await node.readexactly(length))


@contextlib.contextmanager
def _ended(streams: Streams) -> Iterator[None]:
    """What one side breaks off is no error of ours: the node has to live with it."""
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            yield
    finally:
        streams[1].close()
