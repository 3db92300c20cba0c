"""The rest of a body, taken from the socket: every byte once, and the line goes on."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from uvicorn.server import ServerState

from ptm_site.connections import Connection
from ptm_site.long_bodies import BLOCK, REST, Rest
from tests.site.serving import full_room, serving

BODY = os.urandom(2 * BLOCK + BLOCK // 2)
NEXT = b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"
PATIENCE = 30.0


def head(length: int = len(BODY)) -> bytes:
    return b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % length


class Taker:
    """Takes a body by one message, the rest from the socket, and says how much."""

    def __init__(self, patience: float = PATIENCE, reads: int = 1000) -> None:
        self.patience = patience
        self.reads = reads
        self.taken = b""
        self.bodies: list[bytes] = []
        self.whole = False
        self.begun = asyncio.Event()
        self.asks = asyncio.Event()
        self.asks.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        if scope["path"] == "/next":
            await answer(send, b"the next")
            return
        self.taken = message["body"]
        self.begun.set()
        await self.asks.wait()
        rest: Rest | None = scope[REST](len(self.taken))
        if rest is None:
            await self.take_messages(receive, more=message["more_body"])
        else:
            await self.take(rest)
            rest.close()
        self.bodies.append(self.taken)
        await answer(send, b"%d taken" % len(self.taken))

    async def take(self, rest: Rest) -> None:
        more = True
        while more and self.reads:
            blocks, more = await rest.read(self.patience)
            self.taken += b"".join(blocks)
            self.reads -= 1
        self.whole = not more

    async def take_messages(self, receive: Any, *, more: bool) -> None:
        while more:
            message = await receive()
            self.taken += message["body"]
            more = message["more_body"]


async def answer(send: Any, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": 200, "headers": [length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("first", [1, 9, BLOCK // 2, len(BODY) - 1, len(BODY)])
async def test_every_byte_comes_once_and_the_next_request_is_answered(
    first: int,
) -> None:
    taker = Taker()
    async with serving(taker) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head() + BODY[:first])
        await taker.begun.wait()
        writer.write(BODY[first:] + NEXT)
        await reader.readuntil(b"%d taken" % len(BODY))
        await reader.readuntil(b"the next")
        assert taker.taken == BODY
        writer.write(NEXT)
        await reader.readuntil(b"the next")
        writer.close()
        await writer.wait_closed()


async def test_a_slow_line_is_not_a_silent_one() -> None:
    taker = Taker(patience=1.0)
    async with serving(taker) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(9))
        for place in range(9):
            writer.write(BODY[place : place + 1])
            await asyncio.sleep(0.15)
        await reader.readuntil(b"9 taken")
        assert taker.taken == BODY[:9]
        writer.close()
        await writer.wait_closed()


async def test_a_request_behind_the_body_keeps_its_own() -> None:
    """The parser has begun with it before anybody asks for the rest of the first."""
    taker = Taker()
    taker.asks.clear()
    async with serving(taker) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(9) + b"first")
        await taker.begun.wait()
        writer.write(b"body" + head(11) + b"the")
        while not connection_of(state).pipeline:
            await asyncio.sleep(0)
        taker.asks.set()
        await reader.readuntil(b"9 taken")
        writer.write(b" second!" + NEXT)
        await reader.readuntil(b"11 taken")
        await reader.readuntil(b"the next")
        assert taker.bodies == [b"firstbody", b"the second!"]
        writer.close()
        await writer.wait_closed()


async def test_what_comes_when_patience_ends_is_taken_or_left_and_not_lost() -> None:
    near, far = socket.socketpair()
    left: list[int] = []
    with near, far:
        rest = Rest(near, b"", 100, left.append)
        reading = asyncio.ensure_future(rest.read(0.05))
        await asyncio.sleep(0)
        far.sendall(BODY[:30])
        time.sleep(0.1)  # noqa: ASYNC251 the loop then finds both at once
        blocks, _ = await reading
        rest.close()
        far.close()
        taken = b"".join(blocks)
        assert left == [100 - len(taken)]
        near.setblocking(True)
        assert taken + near.recv(100) == BODY[:30]


async def test_of_a_line_that_falls_silent_what_came_is_kept() -> None:
    taker = Taker(patience=0.5)
    async with serving(taker) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head() + BODY[: BLOCK + 7])
        await reader.readuntil(b"%d taken" % (BLOCK + 7))
        assert taker.taken == BODY[: BLOCK + 7]
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("break_off", "least"),
    [
        (asyncio.StreamWriter.close, BLOCK),
        (lambda writer: writer.transport.abort(), 1),  # what was on its way is gone
    ],
)
async def test_of_a_line_that_breaks_what_came_is_kept(
    break_off: Callable[[asyncio.StreamWriter], None], least: int
) -> None:
    taker = Taker()
    async with serving(taker) as (port, state):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head() + BODY[:BLOCK])
        await taker.begun.wait()
        while writer.transport.get_write_buffer_size():
            await asyncio.sleep(0)
        break_off(writer)
        while state.connections:
            await asyncio.sleep(0)
    assert taker.whole
    assert least <= len(taker.taken) <= BLOCK
    assert BODY.startswith(taker.taken)


@pytest.mark.parametrize("full", [False, True])
async def test_what_nobody_takes_is_no_request(full: bool) -> None:
    """Who answers early leaves bytes behind, which come when they come."""
    taker = Taker(reads=1)
    async with serving(taker) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head() + BODY[:9])
        await taker.begun.wait()
        writer.write(BODY[9 : BLOCK + 9])
        await reader.readuntil(b" taken")
        left = len(BODY) - len(taker.taken)
        assert left >= BLOCK
        async with full_room() if full else nullcontext():
            writer.write(BODY[BLOCK + 9 : -1])
            await until_unwanted(state, 1)
            writer.write(BODY[-1:] + NEXT)
            await until_unwanted(state, 0)
        await reader.readuntil(b"the next")
        writer.close()
        await writer.wait_closed()


async def until_unwanted(state: ServerState, left: int) -> None:
    while connection_of(state).unwanted != left:
        await asyncio.sleep(0)


def connection_of(state: ServerState) -> Connection:
    (connection,) = state.connections
    assert isinstance(connection, Connection)
    return connection


async def test_without_an_announced_length_all_comes_as_messages() -> None:
    taker = Taker()
    async with serving(taker) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n")
        writer.write(b"\r\n3\r\nabc\r\n")
        await taker.begun.wait()
        writer.write(b"2\r\nde\r\n0\r\n\r\n" + NEXT)
        await reader.readuntil(b"5 taken")
        await reader.readuntil(b"the next")
        assert taker.taken == b"abcde"
        writer.close()
        await writer.wait_closed()


async def test_what_is_encrypted_here_comes_as_messages(certificate: Path) -> None:
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(f"{certificate}.crt", certificate)
    there = ssl.create_default_context(cafile=f"{certificate}.crt")
    taker = Taker()
    async with serving(taker, here) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=there)
        writer.write(head() + BODY + NEXT)
        await reader.readuntil(b"%d taken" % len(BODY))
        await reader.readuntil(b"the next")
        assert taker.taken == BODY
        writer.close()
        await writer.wait_closed()
