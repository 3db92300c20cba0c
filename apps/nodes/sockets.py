"""A node's socket carries hints only: whoever hears one asks by HTTP.

There is one for each node, and it is idle for days. So all sockets of a process hear
through one channel; a consumer and a channel for each would weigh more than the rest.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.layers import BaseChannelLayer, get_channel_layer

from apps.nodes.authentication import find_node
from apps.nodes.events import work_group
from ptm_site.held import Message, Receive, Send
from ptm_site.loops import one_each

UNKNOWN, SUPERSEDED = 4401, 4409
LOOK = '{"type": "look"}'
DEAF_SECONDS = 1.0

logger = logging.getLogger(__name__)


async def node_socket(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application of `/ws/node/`."""
    socket = NodeSocket(scope["headers"], send)
    # Nobody asks for them again, and the server keeps them as long as the socket.
    scope["headers"].clear()
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    group = await socket.group()
    if group is None:
        return
    switchboard = _switchboard()
    try:
        await switchboard.join(group, socket)
        # What happened before the group was joined was not heard.
        await socket.look()
        # Whatever a node says here is ignored; it speaks by HTTP.
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        socket.ended = True
        await switchboard.leave(group, socket)


class NodeSocket:
    __slots__ = ("authorization", "ended", "instance", "send")

    def __init__(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        said = dict(headers)
        self.authorization = said.get(b"authorization", b"").decode("latin1")
        self.instance = said.get(b"ptm-instance", b"").decode("latin1")
        self.send = send
        self.ended = False

    async def look(self) -> None:
        await self.send({"type": "websocket.send", "text": LOOK})

    async def hint(self) -> None:
        if await self.group() is not None:
            await self.look()

    async def group(self) -> str | None:
        """Return where its hints come, closing the socket that may not listen."""
        node = await database_sync_to_async(find_node)(self.authorization)
        if self.ended:
            return None
        if node is None or node.revoked_at is not None:
            await self._close(UNKNOWN)
            return None
        if self.instance != str(node.instance):
            await self._close(SUPERSEDED)
            return None
        return work_group(node.organization_id)

    async def _close(self, code: int) -> None:
        self.ended = True
        await self.send({"type": "websocket.close", "code": code})


class Switchboard:
    """Hears for all sockets of an event loop, and passes on what each waits for."""

    def __init__(self) -> None:
        self.layer = cast(BaseChannelLayer, get_channel_layer())
        self.sockets: dict[str, set[NodeSocket]] = {}
        self.channel: str | None = None
        self.opening = asyncio.Lock()
        # The event loop itself does not keep a task from being collected.
        self.tasks: set[asyncio.Task[None]] = set()

    async def join(self, group: str, socket: NodeSocket) -> None:
        self.sockets.setdefault(group, set()).add(socket)
        async with self.opening:
            if self.channel is None:
                self.channel = await self.layer.new_channel()
                self._begin(self._listen(self.channel))
        await self.layer.group_add(group, self.channel)

    async def leave(self, group: str, socket: NodeSocket) -> None:
        self.sockets[group].discard(socket)
        if not self.sockets[group]:
            del self.sockets[group]
            if self.channel is not None:
                await self.layer.group_discard(group, self.channel)

    async def _listen(self, channel: str) -> None:
        while True:
            try:
                message = await self.layer.receive(channel)
            except Exception:
                # All sockets would be deaf if this ended.
                logger.warning("Hints to nodes cannot be heard", exc_info=True)
                await asyncio.sleep(DEAF_SECONDS)
                continue
            for socket in self.sockets.get(message["group"], ()):
                self._begin(_pass_on(socket))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _pass_on(socket: NodeSocket) -> None:
    try:
        await socket.hint()
    except Exception:
        # Who missed it reads the rows within 30 s.
        logger.warning("A hint to a node was lost", exc_info=True)


_switchboard = one_each(Switchboard)
