"""What the server keeps of a connection that waits, and what it must not forget."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from ptm_site.connections import ANSWERED, Connection, Socket
from ptm_site.room import INSIDE
from tests.site.serving import full_room, serving

FIRST = b"GET /first HTTP/1.1\r\nHost: here\r\nX-Name: ada\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: here\r\nX-Name: eve\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
asked_by = ContextVar("asked_by", default=b"")
earlier: list[bytes] = []  # who, by what each request found in its context


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers a request with who asked for what, and a socket with what it says."""
    name = dict(scope["headers"]).get(b"x-name", b"")
    await receive()
    earlier.append(asked_by.get())
    asked_by.set(name)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        body = name + b" asked for " + scope["path"].encode() + b"."
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "websocket.accept"})
    while (said := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": said["text"]})


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_a_request_that_comes_while_another_is_answered_is_kept() -> None:
    async with serving(echo) as (port, _):
        for cut in range(len(SECOND) + 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(FIRST + SECOND[:cut])
            assert b"200" in await reader.readuntil(b"ada asked for /first.")
            writer.write(SECOND[cut:])
            assert b"200" in await reader.readuntil(b"eve asked for /second.")
            writer.close()
            await writer.wait_closed()


async def test_nothing_of_an_answered_request_is_kept() -> None:
    async with serving(echo) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST)
        await reader.readuntil(b"ada asked for /first.")
        (connection,) = state.connections
        assert isinstance(connection, Connection)
        assert not connection.headers
        assert not vars(connection)["scope"]
        assert connection.cycle is ANSWERED
        writer.close()
        await writer.wait_closed()


async def test_who_says_nothing_may_leave() -> None:
    async with serving(echo) as (port, state):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not state.connections:
            await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()


async def test_what_is_cut_off_is_gone_without_the_garbage_collector(
    no_garbage_collector: None,
) -> None:
    async def wait(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(wait) as (port, state):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST)
        while not state.tasks:
            await asyncio.sleep(0)
        cut_off = weakref.ref(next(iter(state.connections)))
        writer.close()
        await writer.wait_closed()
        while state.tasks or state.connections:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert cut_off() is None


async def test_nothing_of_its_handshake_is_kept_of_a_socket_that_is_open() -> None:
    async with serving(echo) as (port, state):
        client = await connect(f"ws://127.0.0.1:{port}/", compression=None)
        async with client:
            await client.send("still here")
            assert await client.recv() == "still here"
            (socket,) = state.connections
            assert isinstance(socket, Socket)
            assert not socket.request.headers
            assert not hasattr(socket, "response")


async def begin(port: int, state: ServerState, said: bytes) -> Streams:
    """Say something while there is no room."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    waiting = len(held(state))
    while len(held(state)) == waiting:
        await asyncio.sleep(0)
    return reader, writer


def held(state: ServerState) -> list[Connection]:
    return [c for c in state.connections if isinstance(c, Connection) and c.held]


async def test_without_room_a_request_waits_as_its_bytes() -> None:
    earlier.clear()
    async with serving(echo) as (port, state), full_room() as others:
        first = await begin(port, state, FIRST)
        second = await begin(port, state, SECOND)
        assert [c.cycle for c in held(state)] == [None, None]
        assert earlier == []
        asked_by.set(b"who makes room")
        await others.aclose()
        await first[0].readuntil(b"ada asked for /first.")
        await second[0].readuntil(b"eve asked for /second.")
        assert earlier == [b"", b""]
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("stays", [True, False])
async def test_half_a_request_keeps_nobody_out(stays: bool) -> None:
    async with serving(echo) as (port, state), full_room() as others:
        halves = [await begin(port, state, FIRST[:9]) for _ in range(INSIDE + 1)]
        reader, writer = await begin(port, state, SECOND)
        if not stays:
            for _, half in halves:
                half.close()
        await others.aclose()
        await reader.readuntil(b"eve asked for /second.")
        for _, each in [*halves, (reader, writer)]:
            each.close()
            await each.wait_closed()


async def test_what_waits_when_the_server_ends_is_answered() -> None:
    async with serving(echo) as (port, state), full_room():
        reader, writer = await begin(port, state, FIRST)
        for connection in held(state):
            connection.shutdown()
        answer = await reader.read()
        assert b"connection: close" in answer.lower()
        assert b"ada asked for /first." in answer
        writer.close()
        await writer.wait_closed()
