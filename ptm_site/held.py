"""Held requests: `?wait=25` keeps a request open until there is something to say.

A view that has nothing new calls `hold(request, group)`. The ASGI wrapper then waits
for a hint to that group and asks the view again, from the start: sign-in and rights
are checked anew, and while it waits there is no thread and no database connection.
When the time is up, and under WSGI always, `hold` says no and the view answers.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

from channels.layers import BaseChannelLayer, get_channel_layer
from django.http import HttpRequest
from rest_framework.request import Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MARK = "ptm.hold"
AGAIN = "ptm.asked_again"
MAX_WAIT_SECONDS = 50.0
MAX_BODY_BYTES = 1024 * 1024
MAX_REMEMBERED = 10_000
CREDENTIALS = (b"authorization", b"cookie")


def hold(request: Request, group: str) -> bool:
    """Whether the client waits: if so the answer is not sent, and may be empty."""
    marks = getattr(request._request, "scope", {}).get(MARK)
    if marks is None:
        return False
    marks.append(group)
    return True


def asked_again(request: HttpRequest) -> bool:
    """Whether a hint, and not the client, has the view asked this time."""
    return bool(getattr(request, "scope", {}).get(AGAIN))


class HeldRequests:
    """Wraps Django's ASGI application."""

    def __init__(self, app: App) -> None:
        self.app = app
        # Who asked where, and the group that the view named: mostly it does again.
        self.groups: dict[int, str] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        seconds = _wait_seconds(scope)
        if seconds is None:
            await self.app(scope, receive, send)
            return
        body, whole = await _read_body(receive)
        if not whole:
            await self.app(scope, replayed(body, receive), send)
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await self._answer(scope, body, send, seconds, gone)
        finally:
            gone.cancel()

    async def _answer(
        self,
        scope: Message,
        body: bytes,
        send: Send,
        seconds: float,
        gone: asyncio.Future[None],
    ) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        layer = cast(BaseChannelLayer, get_channel_layer())
        channel = await layer.new_channel()
        # Joined before the view looks: what happens meanwhile is heard.
        joined = self.groups.get(_asker(scope))
        if joined is not None:
            await layer.group_add(joined, channel)
        try:
            while not gone.done():
                left = deadline - asyncio.get_running_loop().time()
                group = await self._ask(scope, body, send, may_hold=left > 0)
                if group is None:
                    return
                scope = {**scope, AGAIN: True}
                if group == joined:
                    await _hint_or_gone(layer.receive(channel), gone, left)
                    continue
                if joined is not None:
                    await layer.group_discard(joined, channel)
                joined = group
                await layer.group_add(joined, channel)
                self._remember(scope, group)
        finally:
            if joined is not None:
                await layer.group_discard(joined, channel)

    def _remember(self, scope: Message, group: str) -> None:
        if len(self.groups) >= MAX_REMEMBERED:
            self.groups.clear()
        self.groups[_asker(scope)] = group

    async def _ask(
        self, scope: Message, body: bytes, send: Send, *, may_hold: bool
    ) -> str | None:
        """Run the application once: it answers, or names the group it waits for."""
        marks: list[str] = []

        async def send_news(message: Message) -> None:
            if not marks:
                await send(message)

        marked = {**scope, MARK: marks} if may_hold else scope
        await self.app(marked, replayed(body), send_news)
        return marks[0] if marks else None


def replayed(body: bytes, rest: Receive | None = None) -> Receive:
    """Give the body that was read, and then what comes after it, if anything does."""
    message = {"type": "http.request", "body": body, "more_body": rest is not None}
    pending = [message]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        if rest is not None:
            return await rest()
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    return receive


def _asker(scope: Message) -> int:
    credentials = [v for k, v in scope["headers"] if k in CREDENTIALS]
    return hash((scope["path"], *credentials))


def _wait_seconds(scope: Message) -> float | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    try:
        seconds = float(query["wait"][0])
    except (KeyError, ValueError):
        return None
    return min(seconds, MAX_WAIT_SECONDS) if seconds > 0 else None


async def _read_body(receive: Receive) -> tuple[bytes, bool]:
    """Return the body and whether it is whole: what waits is small."""
    body = b""
    more = True
    while more and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body, not more


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _hint_or_gone(
    hint: Awaitable[Any], gone: asyncio.Future[None], seconds: float
) -> None:
    heard = asyncio.ensure_future(hint)
    await asyncio.wait(
        {heard, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    if not heard.done():
        heard.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heard
