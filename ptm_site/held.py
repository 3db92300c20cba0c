"""Held requests: `?wait=25` keeps a request open until there is something to say.

A view that has nothing new says so with `hold(request, group)`. The ASGI wrapper then
waits for a hint to that group and asks the view again, from the start: sign-in and
rights are checked anew, and while it waits there is no thread and no database
connection. Under WSGI nothing waits and the answer goes out at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

from channels.layers import BaseChannelLayer, get_channel_layer
from rest_framework.request import Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MARK = "ptm.hold"
MAX_WAIT_SECONDS = 50.0
MAX_BODY_BYTES = 1024 * 1024


def hold(request: Request, group: str) -> None:
    """Say that the answer has nothing new for a client with time to wait."""
    scope = getattr(request._request, "scope", {})
    if MARK in scope:
        scope[MARK].append(group)


class HeldRequests:
    """Wraps Django's ASGI application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        seconds = _wait_seconds(scope)
        if seconds is None:
            await self.app(scope, receive, send)
            return
        body = await _read_body(receive)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            answer = await self._answer(scope, body, seconds, gone)
            for message in answer:
                await send(message)
        finally:
            gone.cancel()

    async def _answer(
        self, scope: Message, body: bytes, seconds: float, gone: asyncio.Future[None]
    ) -> list[Message]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        answer, group = await self._ask(scope, body)
        if group is None:
            return answer
        layer = cast(BaseChannelLayer, get_channel_layer())
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        try:
            # Again: what happened before the group was joined was not heard.
            answer, held = await self._ask(scope, body)
            while held and (left := deadline - loop.time()) > 0 and not gone.done():
                await _hint_or_gone(layer.receive(channel), gone, left)
                answer, held = await self._ask(scope, body)
        finally:
            await layer.group_discard(group, channel)
        return answer

    async def _ask(
        self, scope: Message, body: bytes
    ) -> tuple[list[Message], str | None]:
        """Run the application once; return its answer and the group it waits for."""
        answer: list[Message] = []
        marks: list[str] = []
        pending = [{"type": "http.request", "body": body, "more_body": False}]
        never = asyncio.get_running_loop().create_future()

        async def receive() -> Message:
            return pending.pop() if pending else await never

        async def send(message: Message) -> None:
            answer.append(message)

        await self.app({**scope, MARK: marks}, receive, send)
        return answer, marks[0] if marks else None


def _wait_seconds(scope: Message) -> float | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    try:
        seconds = float(query["wait"][0])
    except (KeyError, ValueError):
        return None
    return min(seconds, MAX_WAIT_SECONDS) if seconds > 0 else None


async def _read_body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and len(body) <= MAX_BODY_BYTES
    return body


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
