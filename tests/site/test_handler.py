"""Of many requests at once, a bounded number is inside Django."""

import asyncio
import gc
import weakref
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest

from ptm_site import handler
from ptm_site.handler import OneHopHandler
from ptm_site.room import INSIDE, room
from tests.daemon import NodeClient

BODY = {"type": "http.request", "body": b"", "more_body": False}
COUNT = INSIDE + 5


class Crowd(OneHopHandler):
    """Requests that stay inside until they may answer, and then send for long."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = self.sending = 0
        self.may_answer = asyncio.Event()
        self.may_end = asyncio.Event()

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.inside += 1
        await self.may_answer.wait()
        await send({"type": "http.response.start"})
        self.inside -= 1
        self.sending += 1
        await self.may_end.wait()


async def all_that_can_happen() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def ignored(message: Any) -> None:
    pass


async def test_requests_wait_outside_until_an_answer_is_known() -> None:
    crowd = Crowd()

    async def body() -> Any:
        return BODY

    asking = [asyncio.ensure_future(crowd({}, body, ignored)) for _ in range(COUNT)]
    await all_that_can_happen()
    assert crowd.inside == INSIDE
    crowd.may_answer.set()
    await all_that_can_happen()
    assert (crowd.inside, crowd.sending) == (0, COUNT)  # a long answer keeps nobody out
    crowd.may_end.set()
    await asyncio.gather(*asking)


async def test_a_body_that_does_not_end_keeps_nobody_out() -> None:
    crowd = Crowd()

    async def for_ever() -> Any:
        await asyncio.Event().wait()

    async def body() -> Any:
        return BODY

    slow = [asyncio.ensure_future(crowd({}, for_ever, ignored)) for _ in range(COUNT)]
    await all_that_can_happen()
    quick = asyncio.ensure_future(crowd({}, body, ignored))
    await all_that_can_happen()
    assert crowd.inside == 1
    for each in [*slow, quick]:
        each.cancel()
    await asyncio.gather(*slow, quick, return_exceptions=True)
    assert not room().is_full()


def test_an_answered_request_is_gone_without_the_garbage_collector(
    node: NodeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "close_old_connections", lambda: None)
    headers = [(k.lower().encode(), v.encode()) for k, v in node.headers.items()]
    headers.append((b"host", b"testserver"))
    scope = {"type": "http", "method": "GET", "path": "/api/v1/node/me/"}
    request = ASGIRequest({**scope, "headers": headers}, BytesIO())
    kept = weakref.ref(request)
    gc.disable()
    try:
        answer = OneHopHandler()._respond(request)
        assert answer.status_code == 200
        del request, answer
        assert kept() is None
    finally:
        gc.enable()
