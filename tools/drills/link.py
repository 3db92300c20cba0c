"""The way between a node and its server, which the drills can damage.

Each request travels on a connection of its own, so that it can be held, lost or
repeated as a whole; a WebSocket is passed on byte by byte, and held with the rest.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum

from tools.drills.network import Network
from tools.drills.passage import PIECE_BYTES, Passage, Streams, ended, first_of

CLAIM = "POST /api/v1/node/claim/"
HELLO = "POST /api/v1/node/hello/"
BEHIND_SECONDS = 0.5
DELAY_SECONDS = 0.2
FAULT, UNAVAILABLE = 500, 503


class Damage(Enum):
    """What the link does to what it is given."""

    NONE = "passes everything"
    CUT = "passes nothing, and refuses nothing"
    DEAF = "brings requests to the server, and no answer back"
    UNANSWERED = "the same, and hints pass"
    FORGETFUL = "loses the first answer to every request"
    ECHOING = "delivers every request again, later, behind newer ones"
    LATE = "passes everything later, in both directions"


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


class Link(Passage):
    """`asked` and `answered` count requests by method and path.

    `faults` are answers that speak of a broken server: 5xx, but for a 503 that says
    when to come again.
    """

    def __init__(self, network: Network, port: int, target: int) -> None:
        super().__init__(network, port, target)
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.faults: list[str] = []
        self._damage = Damage.NONE
        self._kept_requests: set[str] = set()
        self._kept_answers: set[str] = set()
        self._lost: set[Request] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def damage(self, damage: Damage) -> None:
        """From now on, until another is set; what was held goes on when it may."""

        def change() -> None:
            self._damage = damage
            self._lost.clear()

        self._call(self._change(change))

    def keeping_requests(self, asks: str) -> AbstractContextManager[None]:
        """Requests with this method and path stay on their way until the block ends."""
        return self._keeping(self._kept_requests, asks)

    def keeping_answers(self, asks: str) -> AbstractContextManager[None]:
        """The server hears such requests, and its answers stay on their way."""
        return self._keeping(self._kept_answers, asks)

    @contextmanager
    def _keeping(self, kept: set[str], asks: str) -> Iterator[None]:
        self._call(self._change(lambda: kept.add(asks)))
        try:
            yield
        finally:
            self._call(self._change(lambda: kept.discard(asks)))

    async def _change(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    async def _listen(self) -> None:
        self._changed = asyncio.Condition()
        await super()._listen()

    async def _serve(self, near: Streams) -> None:
        with ended(near):
            request = await _read_request(near[0])
            self.asked[request.asks] += 1
            await self._passable(HELD_REQUESTS, self._kept_requests, request.asks)
            if request.upgrades:
                await self._tunnel(request, near)
            else:
                await self._exchange(request, near[1])

    async def _exchange(self, request: Request, node: asyncio.StreamWriter) -> None:
        damage = self._damage
        answer = await self._ask(request)
        self._note(request, answer)
        if damage is Damage.FORGETFUL and request not in self._lost:
            self._lost.add(request)
            return
        if damage is Damage.ECHOING:
            self._begin(self._ask_again(request))
        await self._passable(HELD_ANSWERS, self._kept_answers, request.asks)
        node.write(answer)
        await node.drain()

    async def _ask(self, request: Request) -> bytes:
        server = await self._connect()
        try:
            server[1].write(request.alone)
            return await server[0].read()
        except OSError:  # killed meanwhile: the node gets no answer either
            return b""
        finally:
            server[1].close()

    async def _ask_again(self, request: Request) -> None:
        await asyncio.sleep(BEHIND_SECONDS)
        with contextlib.suppress(OSError):
            await self._ask(request)

    async def _tunnel(self, request: Request, node: Streams) -> None:
        server = await self._connect()
        with ended(server):
            server[1].write(request.head)
            answer = await server[0].read(PIECE_BYTES)
            self._note(request, answer)
            node[1].write(answer)
            await first_of(
                self._pump(node[0], server[1], HELD_REQUESTS),
                self._pump(server[0], node[1], HELD_HINTS),
            )

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        held: Container[Damage] = (),
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._passable(held)
                sink.write(piece)
                await sink.drain()

    async def _passable(
        self,
        damages: Container[Damage],
        kept: Container[str] = (),
        asks: str = "",
    ) -> None:
        """Return when neither the damage nor a recipe's wish holds it any more."""
        if self._damage is Damage.LATE:
            await asyncio.sleep(DELAY_SECONDS)
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._damage not in damages and asks not in kept
            )

    def _note(self, request: Request, answer: bytes) -> None:
        """Count the answer, and keep in mind what a server should never say."""
        if not answer:
            return
        self.answered[request.asks] += 1
        head = answer.partition(b"\r\n\r\n")[0].lower()
        status = int(head.split(b" ")[1])
        comes_again = status == UNAVAILABLE and b"\r\nretry-after:" in head
        if status >= FAULT and not comes_again:
            self.faults.append(f"{request.asks} was answered {status}")


async def _read_request(node: asyncio.StreamReader) -> Request:
    head = await node.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return Request(head, await node.readexactly(length))
