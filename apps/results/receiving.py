"""Chunks that go to the disk as they come, past Django, which would collect them first.

The view is asked twice: before the bytes, when it opens the upload or refuses, and
after them, when it counts what came. In between only the event loop waits for the line.
A short chunk is there before anybody could be asked, and comes to the view as its body.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial

from rest_framework.request import Request

from apps.results.chunks import Chunk, write_out
from ptm_site.held import App, Message, Receive, Send, replayed
from ptm_site.long_bodies import BLOCK, REST, Bytes, Rest

# The next bytes, and whether more may follow.
Read = Callable[[], Awaitable[tuple[list[Bytes], bool]]]

UPLOADS = "/api/v1/node/uploads/"
MARK = "ptm.chunk"
# A line that died without a word keeps its upload locked for so long.
SILENT_SECONDS = 20.0


class Receiving:
    """What the view opened for the bytes that are still to come."""

    chunk: Chunk | None = None


def receiving(request: Request) -> Receiving | None:
    """Return None if the request has its body."""
    found: Receiving | None = getattr(request._request, "scope", {}).get(MARK)
    return found


class ReceivedChunks:
    """Wraps an ASGI application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "PATCH" or not scope["path"].startswith(UPLOADS):
            await self.app(scope, receive, send)
            return
        blocks, more = await _gather(receive)
        if not more:
            await self.app(scope, replayed(b"".join(blocks)), send)
            return
        mark = Receiving()
        scope = {**scope, MARK: mark}

        async def send_refusal(message: Message) -> None:
            if mark.chunk is None:
                await send(message)

        await self.app(scope, replayed(b""), send_refusal)
        if mark.chunk is not None:
            with closing(mark.chunk):
                await _take_all(mark.chunk, blocks, scope, receive)
                await self.app(scope, replayed(b""), send)
            await asyncio.get_running_loop().run_in_executor(
                None, write_out, mark.chunk
            )


async def _take_all(
    chunk: Chunk, blocks: list[Bytes], scope: Message, receive: Receive
) -> None:
    """Straight from the socket, if the server gives it."""
    rest: Rest | None = scope[REST](sum(map(len, blocks))) if REST in scope else None
    if rest is None:
        await _write(chunk, blocks, partial(_gather, receive))
        return
    with closing(rest):
        await _write(chunk, blocks, partial(rest.read, SILENT_SECONDS))


async def _write(chunk: Chunk, blocks: list[Bytes], read: Read) -> None:
    """Some bytes are taken while the next ones come."""
    more = True
    while more and chunk.refusal is None:
        taking = _taking(chunk, blocks)
        try:
            blocks, more = await read()
        finally:
            await taking
    await _taking(chunk, blocks)


def _taking(chunk: Chunk, blocks: list[Bytes]) -> asyncio.Future[list[None]]:
    """One thread writes, and another one sums, which takes as long."""
    loop = asyncio.get_running_loop()
    ways = (chunk.write, chunk.add)
    return asyncio.gather(*(loop.run_in_executor(None, way, blocks) for way in ways))


async def _gather(receive: Receive) -> tuple[list[Bytes], bool]:
    """Return the next bytes and whether more may follow.

    A line that breaks ends the chunk: what came of it need not be sent again.
    """
    blocks: list[Bytes] = []
    size = 0
    while size < BLOCK:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                message = await receive()
        except TimeoutError:
            return blocks, False
        blocks.append(message.get("body", b""))
        size += len(blocks[-1])
        if not message.get("more_body", False):  # nor has one of a disconnection
            return blocks, False
    return blocks, True
