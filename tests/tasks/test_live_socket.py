"""The portal's socket: whom it lets in, and what it takes."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from apps.nodes.models import Node
from apps.nodes.sockets import UNKNOWN
from apps.tasks.consumers import (
    MALFORMED,
    MAX_ASKED,
    MAX_FRAME,
    MAX_TOPICS,
    REFUSED,
    TOO_MUCH,
)
from apps.tasks.models import Run
from ptm_site.asgi import application
from tests.tasks.live_page import Page, alices, do, session_of
from tests.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_stranger_is_closed_out_and_told_nothing(world: World) -> None:
    for session in ("", "x" * 32, "../../etc/passwd", "a\tb"):
        async with Page(session) as page:
            await page.watch(f"presence:{world.sites[0].pk}")
            assert await page.close_code() == REFUSED, session
    async with Page("") as silent:
        assert await silent.close_code() == REFUSED


async def test_no_other_site_may_open_it(world: World) -> None:
    session = await do(lambda: session_of(world.people["alice"]))
    for origin in ("https://evil.test", "null", "", "http://127.0.0.1.evil.test"):
        assert not await Page(session, origin).connected(), origin
    assert await Page(session).connected()


@pytest.mark.parametrize("origin", ["http://[", "https://[::1", "//[x]y/", "\xff"])
async def test_an_origin_that_is_no_address_is_refused_without_an_error(
    world: World, origin: str
) -> None:
    session = await do(lambda: session_of(world.people["alice"]))
    page = Page(session, origin)
    assert not await page.connected()
    await page.socket.wait()  # raises what the server's log would show


async def test_a_nodes_socket_refuses_headers_that_are_no_text(world: World) -> None:
    headers = [(b"authorization", b"Node \xff\xfe"), (b"ptm-instance", b"\xc3")]
    scope = {"type": "websocket", "path": "/ws/node/", "headers": headers}
    communicator: Any = ApplicationCommunicator  # untyped
    socket = communicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(timeout=5))["type"] == "websocket.accept"
    assert await socket.receive_output(timeout=5) == {
        "type": "websocket.close",
        "code": UNKNOWN,
    }


FRAMES: list[str | bytes] = [
    b'{"watch": []}',
    "",
    "watch",
    "[]",
    "null",
    "7",
    '"watch"',
    "{}",
    '{"watch": 1}',
    '{"watch": "task:1"}',
    '{"watch": {"task:1": 1}}',
    '{"watch": [1]}',
    '{"watch": [["task:1"]]}',
    '{"watch": ["task:1", null]}',
    '{"watch": [',
    "[" * 20_000,
    '{"watch": ' + "9" * 5000 + "}",
    '{"watch": ["' + "x" * MAX_FRAME + '"]}',
]


async def test_a_frame_that_is_not_ours_closes_the_socket(world: World) -> None:
    session = await do(lambda: session_of(world.people["alice"]))
    for frame in FRAMES:
        async with Page(session) as page:
            await page.say(frame)
            assert await page.close_code() == MALFORMED, frame[:40]


async def test_what_follows_a_frame_that_closed_the_socket_is_not_read(
    world: World,
) -> None:
    task = await do(world.send)
    async with await alices(world) as page:
        await page.say("garbage")
        await page.watch(f"task:{task['id']}")
        await do(world.nodes[0].claimed)
        assert await page.close_code() == MALFORMED
        assert await page.socket.receive_nothing(timeout=0.05)


async def test_a_page_may_watch_many_things_but_not_all(world: World) -> None:
    task = await do(world.send)
    own = f"task:{task['id']}"
    others = [f"presence:{10**6 + n}" for n in range(MAX_TOPICS)]
    presence = f"presence:{world.sites[0].pk}"
    async with await alices(world) as page:
        await page.watch(*others, own)
        await page.watch(*others[1:], own)
        assert await page.heard() == own
        await page.watch(presence)
        assert await page.heard() == presence


async def test_a_flood_of_questions_closes_the_socket(world: World) -> None:
    async with await alices(world) as page:
        for first in range(0, MAX_ASKED + MAX_TOPICS, MAX_TOPICS):
            numbers = range(first, first + MAX_TOPICS)
            await page.watch(*(f"task:{10**6 + n}" for n in numbers))
        assert await page.close_code() == TOO_MUCH


async def test_a_closed_page_leaves_no_trace(world: World) -> None:
    task = await do(world.send)
    async with await alices(world) as page:
        await page.watch(f"task:{task['id']}")
        await page.heard()
    await do(world.nodes[0].claimed)  # nobody listens any more: no error
    assert await do(Run.objects.filter(status="claimed").count) == 1
    assert await do(Node.objects.filter(organization__in=world.sites).count) == 3
