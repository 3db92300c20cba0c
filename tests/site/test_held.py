"""Held requests, with an application of three lines in the place of Django."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer

from ptm_site.held import AGAIN, MARK, MAX_BODY_BYTES, HeldRequests

Message = MutableMapping[str, Any]


@pytest.fixture(autouse=True)
def _fresh_layer() -> None:
    channel_layers.backends = {}


class App:
    """Has news, or else asks to be held; counts how often it was asked."""

    def __init__(self, group: str = "g") -> None:
        self.group = group
        self.news = False
        self.asked = 0
        self.bodies: list[bytes] = []
        self.by_hints: list[bool] = []
        self.waits_again = asyncio.Event()

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.asked += 1
        self.by_hints.append(bool(scope.get(AGAIN)))
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        if not self.news and MARK in scope:
            scope[MARK].append(self.group)
            self.waits_again.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        text = b"news" if self.news else b"nothing"
        await send({"type": "http.response.body", "body": text, "more_body": False})


class Client:
    """One request; `gone` is set when the client hangs up."""

    def __init__(self, app: App, query: str, *body: bytes) -> None:
        self.app = app
        self.pieces = list(body) or [b""]
        self.gone = asyncio.Event()
        self.sent: list[Message] = []
        self.scope: Message = {
            "type": "http",
            "path": "/x",
            "query_string": query.encode(),
            "headers": [],
        }

    async def receive(self) -> Message:
        if self.pieces:
            piece = self.pieces.pop(0)
            return {
                "type": "http.request",
                "body": piece,
                "more_body": bool(self.pieces),
            }
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self) -> bytes:
        await HeldRequests(self.app)(self.scope, self.receive, self.send)
        return b"".join(message.get("body", b"") for message in self.sent)


async def hint(group: str = "g") -> None:
    layer: Any = get_channel_layer()
    await layer.group_send(group, {"type": "hint"})


async def listening(group: str = "g") -> None:
    """Return once somebody listens to the group."""
    layer: Any = get_channel_layer()
    while not layer.groups.get(group):
        await asyncio.sleep(0)


@pytest.mark.parametrize("query", ["", "wait=0", "wait=-1", "wait=x", "wait=nan"])
async def test_without_time_to_wait_the_answer_comes_at_once(query: str) -> None:
    app = App()
    assert await Client(app, query).run() == b"nothing"
    assert app.asked == 1


async def test_news_is_answered_at_once() -> None:
    app = App()
    app.news = True
    assert await Client(app, "wait=30").run() == b"news"
    assert app.asked == 1


async def test_a_hint_brings_the_answer() -> None:
    app = App()
    request = asyncio.ensure_future(Client(app, "wait=30").run())
    await listening()
    app.news = True
    await hint()
    assert await asyncio.wait_for(request, 1) == b"news"


async def test_a_hint_without_news_goes_on_waiting() -> None:
    app = App()
    request = asyncio.ensure_future(Client(app, "wait=30").run())
    await listening()
    app.waits_again.clear()
    await hint()
    await asyncio.wait_for(app.waits_again.wait(), 1)
    assert not request.done()
    app.news = True
    await hint()
    assert await asyncio.wait_for(request, 1) == b"news"
    assert app.by_hints == [False] + [True] * (app.asked - 1)  # rates.py counts one


async def test_what_happens_before_the_group_is_joined_is_not_missed() -> None:
    class Racing(App):
        async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            self.news = True  # committed just after the view looked: no hint heard

    app = Racing()
    request = Client(app, "wait=30").run()
    assert await asyncio.wait_for(request, 1) == b"news"


async def test_when_the_time_is_up_the_view_answers_without_holding() -> None:
    app = App()
    assert await asyncio.wait_for(Client(app, "wait=0.05").run(), 1) == b"nothing"


async def test_a_client_that_hangs_up_is_not_asked_for_again() -> None:
    """A claim for a client that is gone would assign runs that nobody hears of."""
    app = App()
    client = Client(app, "wait=30")
    request = asyncio.ensure_future(client.run())
    await listening()
    asked = app.asked
    app.news = True
    client.gone.set()
    assert await asyncio.wait_for(request, 1) == b""
    assert app.asked == asked
    layer: Any = get_channel_layer()
    assert not layer.groups.get("g")


async def test_the_body_is_given_again_each_time() -> None:
    app = App()
    request = asyncio.ensure_future(Client(app, "wait=30", b'{"claim":', b"1}").run())
    await listening()
    app.news = True
    await hint()
    await asyncio.wait_for(request, 1)
    assert app.asked >= 2
    assert set(app.bodies) == {b'{"claim":1}'}


async def test_a_large_body_passes_whole_and_is_not_held() -> None:
    app = App()
    piece = b"x" * (MAX_BODY_BYTES // 2)
    assert await Client(app, "wait=30", *[piece] * 5).run() == b"nothing"
    assert [len(body) for body in app.bodies] == [5 * len(piece)]


async def test_half_a_body_is_not_taken_for_a_whole_one() -> None:
    app = App()
    app.news = True
    client = Client(app, "wait=30", b"half")

    async def receive() -> Message:
        if client.pieces:
            body = client.pieces.pop()
            return {"type": "http.request", "body": body, "more_body": True}
        return {"type": "http.disconnect"}

    client.receive = receive  # type: ignore[method-assign]
    assert await client.run() == b""
    assert app.bodies == []


async def test_a_long_answer_goes_out_piece_by_piece() -> None:
    """A download with ?wait= must not be collected in memory first."""
    first_sent = asyncio.Event()

    class Long(App):
        async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await asyncio.wait_for(first_sent.wait(), 1)
            await send({"type": "http.response.body", "body": b"b"})

    client = Client(Long(), "wait=30")

    async def send(message: Message) -> None:
        client.sent.append(message)
        if message.get("body") == b"a":
            first_sent.set()

    client.send = send  # type: ignore[method-assign]
    assert await client.run() == b"ab"
