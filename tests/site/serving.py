"""The server's own connections, before an application of a test's."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from ptm_site.connections import Connection, Socket
from ptm_site.room import INSIDE, room


@asynccontextmanager
async def serving(
    app: Any, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, ServerState]]:
    """Yield the port and what knows the connections."""
    config = Config(app, http=Connection, ws=Socket, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(config, state, {}), "127.0.0.1", 0, ssl=tls
    )
    async with server:
        yield server.sockets[0].getsockname()[1], state
        while state.connections:  # until those that the clients closed are
            await asyncio.sleep(0)


@asynccontextmanager
async def full_room() -> AsyncIterator[AsyncExitStack]:
    """Others are inside; what is yielded lets all of them leave."""
    async with AsyncExitStack() as others:
        for _ in range(INSIDE):
            await others.enter_async_context(room())
        yield others
