"""The node's socket carries hints only: whoever hears one asks by HTTP."""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.nodes.authentication import find_node
from apps.nodes.events import work_group
from apps.nodes.models import Node

UNKNOWN, SUPERSEDED = 4401, 4409


class NodeConsumer(AsyncJsonWebsocketConsumer):
    group: str | None = None

    async def connect(self) -> None:
        headers = {
            name: value.decode("latin1") for name, value in self.scope["headers"]
        }
        self.authorization = headers.get(b"authorization", "")
        self.instance = headers.get(b"ptm-instance", "")
        await self.accept()
        node = await self._entitled()
        if node is not None:
            self.group = work_group(node.organization_id)
            await self.channel_layer.group_add(self.group, self.channel_name)
            # What happened before the group was joined was not heard.
            await self.send_json({"type": "look"})

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, *args: Any, **kwargs: Any) -> None:
        """Whatever a node says here is ignored; it speaks by HTTP."""

    async def hint(self, message: dict[str, Any]) -> None:
        if await self._entitled():
            await self.send_json({"type": "look"})

    async def _entitled(self) -> Node | None:
        """Return the node, closing the socket when it may no longer listen."""
        node = await database_sync_to_async(find_node)(self.authorization)
        if node is None or node.revoked_at is not None:
            await self.close(UNKNOWN)
            return None
        if self.instance != str(node.instance):
            await self.close(SUPERSEDED)
            return None
        return node
