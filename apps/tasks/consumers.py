"""The portal's socket: says that something changed, never what.

A page says what it shows and hears the names of what changed; it then reads by HTTP.
Whether the reader may know is asked when a topic is taken up and before every send.
"""

import json
from collections.abc import Callable
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.sessions import SessionStore
from apps.collaborations.models import Collaboration
from apps.nodes.events import presence_group
from apps.organizations.models import Organization
from apps.tasks.events import collaboration_group, log_group, task_group
from apps.tasks.models import Run, Task

REFUSED, MALFORMED, TOO_MUCH = 4403, 4400, 4429
MAX_TOPICS = 400
MAX_ID_DIGITS = 18
MAX_FRAME = 32 * 1024
# Rights are asked in the database: so many new topics in so many seconds at most.
MAX_ASKED, ASKED_WITHIN = 4 * MAX_TOPICS, 60.0

Reader = User | AnonymousUser
Visible = Callable[[Reader], QuerySet[Any]]

# kind of topic: the group that carries it, and what the reader must see of it.
KINDS: dict[str, tuple[Callable[[int], str], Visible]] = {
    "task": (task_group, Task.objects.visible_to),
    "log": (log_group, Run.objects.visible_to),
    "tasks": (collaboration_group, Collaboration.objects.visible_to),
    "presence": (presence_group, Organization.objects.visible_to),
}


class LiveConsumer(AsyncWebsocketConsumer):
    """`{"watch": ["task:7", "presence:3"]}` in, `{"topic": "task:7"}` out.

    What is watched is the last such list: the page sends it whole when it changes.
    """

    async def connect(self) -> None:
        self.topics: dict[str, str] = {}  # group: topic
        self.ended = False
        self.asked = 0
        self.asked_since = monotonic()
        await self.accept()
        if not await database_sync_to_async(self._signed_in)():
            await self._end(REFUSED)

    async def disconnect(self, code: int) -> None:
        await self._leave(set(self.topics))

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        if self.ended:
            return
        topics = _topics(text_data)
        if topics is None:
            await self._end(MALFORMED)
            return
        wanted = {group: topic for topic in topics if (group := _group(topic))}
        await self._leave(self.topics.keys() - wanted.keys())
        fresh = {g: t for g, t in wanted.items() if g not in self.topics}
        if not fresh:
            return
        if self._asks_too_much(len(fresh)):
            await self._end(TOO_MUCH)
            return
        await self._join(fresh)

    async def hint(self, message: dict[str, Any]) -> None:
        topic = self.topics.get(message["group"])
        if topic is None:
            return
        heard = await self._permitted([topic], about=message.get("task"))
        if heard is None:
            await self._end(REFUSED)
        elif heard:
            await self._say(topic)

    async def _join(self, fresh: dict[str, str]) -> None:
        permitted = await self._permitted(list(fresh.values()))
        if permitted is None:
            await self._end(REFUSED)
            return
        for group, topic in fresh.items():
            if topic in permitted:
                self.topics[group] = topic
                await self.channel_layer.group_add(group, self.channel_name)
                # What happened before the group was joined was not heard.
                await self._say(topic)

    async def _leave(self, groups: set[str]) -> None:
        for group in groups:
            del self.topics[group]
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _end(self, code: int) -> None:
        """Close, and say nothing more to what is still on its way."""
        self.ended = True
        await self._leave(set(self.topics))
        await self.close(code)

    async def _say(self, topic: str) -> None:
        await self.send(json.dumps({"topic": topic}))

    def _asks_too_much(self, number: int) -> bool:
        if monotonic() - self.asked_since > ASKED_WITHIN:
            self.asked, self.asked_since = 0, monotonic()
        self.asked += number
        return self.asked > MAX_ASKED

    async def _permitted(
        self, topics: list[str], about: int | None = None
    ) -> set[str] | None:
        """Return those that the reader may hear; None if nobody is signed in now."""
        ask = database_sync_to_async(self._ask_rights)
        permitted: set[str] | None = await ask(topics, about)
        return permitted

    def _ask_rights(self, topics: list[str], about: int | None) -> set[str] | None:
        reader = self._reader()
        if not reader.is_authenticated:
            return None
        # A collaboration's members do not see all of its tasks.
        if about is not None and not _sees(Task.objects.visible_to(reader), [about]):
            return set()
        permitted = set()
        for kind, (_, visible) in KINDS.items():
            ids = [int(t.partition(":")[2]) for t in topics if t.startswith(f"{kind}:")]
            permitted |= {f"{kind}:{pk}" for pk in _sees(visible(reader), ids)}
        return permitted

    def _signed_in(self) -> bool:
        return self._reader().is_authenticated

    def _reader(self) -> Reader:
        """The person behind the session as it is now: it may have ended meanwhile."""
        session = SessionStore(self.scope["session"].session_key)
        request = cast(HttpRequest, SimpleNamespace(session=session))
        return get_user(request)


def _sees(visible: QuerySet[Any], ids: list[int]) -> set[int]:
    if not ids:
        return set()
    return set(visible.filter(pk__in=ids).values_list("pk", flat=True))


def _topics(frame: str | None) -> list[str] | None:
    """Read a frame; None if it is not one of ours."""
    if frame is None or len(frame) > MAX_FRAME:
        return None
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    wanted = message.get("watch") if isinstance(message, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(t, str) for t in wanted):
        return None
    return wanted[:MAX_TOPICS]


def _group(topic: str) -> str | None:
    """The group of a topic that is well formed, whether or not it exists."""
    kind, _, number = topic.partition(":")
    known = kind in KINDS and number.isascii() and number.isdigit()
    if not known or len(number) > MAX_ID_DIGITS or number != str(int(number)):
        return None
    return KINDS[kind][0](int(number))
