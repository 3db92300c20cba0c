"""The portal's socket: says that something changed, never what.

A page asks for topics and hears their names back; it then reads by HTTP. Whether the
reader may know is asked when a topic is taken up and again before every send.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.nodes.events import presence_group
from apps.organizations.models import Organization
from apps.tasks.events import collaboration_group, log_group, task_group
from apps.tasks.models import Run, Task

REFUSED = 4403
MAX_TOPICS = 400
MAX_ID_DIGITS = 18

Reader = User | AnonymousUser
Visible = Callable[[Reader], QuerySet[Any]]

# kind of topic: the group that carries it, and what the reader must see of it.
KINDS: dict[str, tuple[Callable[[int], str], Visible]] = {
    "task": (task_group, Task.objects.visible_to),
    "log": (log_group, Run.objects.visible_to),
    "tasks": (collaboration_group, Collaboration.objects.visible_to),
    "presence": (presence_group, Organization.objects.visible_to),
}


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """`{"watch": ["task:7", "presence:3"]}` in, `{"topic": "task:7"}` out."""

    async def connect(self) -> None:
        self.topics: dict[str, str] = {}  # group: topic
        await self.accept()
        if not (await self._reader()).is_authenticated:
            await self.close(REFUSED)

    async def disconnect(self, code: int) -> None:
        for group in self.topics:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        wanted = content.get("watch") if isinstance(content, dict) else None
        for topic in wanted[:MAX_TOPICS] if isinstance(wanted, list) else ():
            if isinstance(topic, str) and len(self.topics) < MAX_TOPICS:
                await self._watch(topic)

    async def _watch(self, topic: str) -> None:
        if not await self._may_hear(topic):
            return
        kind, _, number = topic.partition(":")
        group = KINDS[kind][0](int(number))
        if group not in self.topics:
            self.topics[group] = topic
            await self.channel_layer.group_add(group, self.channel_name)

    async def hint(self, message: dict[str, Any]) -> None:
        topic = self.topics.get(message["group"])
        if topic is None:
            return
        if not (await self._reader()).is_authenticated:
            await self.close(REFUSED)
        elif await self._may_hear(topic, about=message.get("task")):
            await self.send_json({"topic": topic})

    async def _reader(self) -> Reader:
        """The person behind the session as it is now: it may have ended meanwhile."""
        return await database_sync_to_async(self._ask_reader)()

    def _ask_reader(self) -> Reader:
        session = SessionStore(self.scope["session"].session_key)
        request = cast(HttpRequest, SimpleNamespace(session=session))
        return get_user(request)

    async def _may_hear(self, topic: str, about: int | None = None) -> bool:
        return await database_sync_to_async(self._ask_rights)(topic, about)

    def _ask_rights(self, topic: str, about: int | None) -> bool:
        kind, _, number = topic.partition(":")
        if kind not in KINDS or not number.isascii() or not number.isdigit():
            return False
        if len(number) > MAX_ID_DIGITS:
            return False
        reader = self._ask_reader()
        visible = KINDS[kind][1]
        if not visible(reader).filter(pk=int(number)).exists():
            return False
        # A collaboration's members do not see all of its tasks.
        return (
            about is None or Task.objects.visible_to(reader).filter(pk=about).exists()
        )
