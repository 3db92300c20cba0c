"""What the server keeps of a connection that waits, and what it must not forget."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from ptm_site.connections import ANSWERED, Connection, Socket

FIRST = b"GET /first HTTP/1.1\r\nHost: here\r\nX-Name: ada\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: here\r\nX-Name: eve\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers a request with who asked for what, and a socket with what it says."""
    name = dict(scope["headers"]).get(b"x-name", b"")
    await receive()
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        body = name + b" asked for " + scope["path"].encode() + b"."
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "websocket.accept"})
    while (said := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": said["text"]})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[int, ServerState]]:
    config = Config(echo, http=Connection, ws=Socket, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(config, state, {}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1], state
        while state.connections:  # until those that the clients closed are
            await asyncio.sleep(0)


async def test_a_request_that_comes_while_another_is_answered_is_kept() -> None:
    async with serving() as (port, _):
        for cut in range(len(SECOND) + 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(FIRST + SECOND[:cut])
            assert b"200" in await reader.readuntil(b"ada asked for /first.")
            writer.write(SECOND[cut:])
            assert b"200" in await reader.readuntil(b"eve asked for /second.")
            writer.close()
            await writer.wait_closed()


async def test_nothing_of_an_answered_request_is_kept() -> None:
    async with serving() as (port, state):
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


async def test_nothing_of_its_handshake_is_kept_of_a_socket_that_is_open() -> None:
    async with serving() as (port, state):
        client = await connect(f"ws://127.0.0.1:{port}/", compression=None)
        async with client:
            await client.send("still here")
            assert await client.recv() == "still here"
            (socket,) = state.connections
            assert isinstance(socket, Socket)
            assert not socket.request.headers
            assert not hasattr(socket, "response")
