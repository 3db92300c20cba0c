"""The portal's socket: whom it lets in, what it takes, and what it ever says."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.nodes.consumers import UNKNOWN
from apps.nodes.events import notify_presence
from apps.nodes.models import Node
from apps.organizations.choices import Role
from apps.organizations.models import Membership
from apps.organizations.services import end_membership, grant_membership
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
from tests.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


class Page:
    """An open page's socket."""

    def __init__(self, session: str = "", origin: str = settings.PUBLIC_URL) -> None:
        headers = [(b"origin", origin.encode())]
        if session:
            cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
            headers.append((b"cookie", cookie.encode()))
        scope = {"type": "websocket", "path": "/ws/live/", "headers": headers}
        communicator: Any = ApplicationCommunicator  # untyped
        self.socket = communicator(application, scope)

    async def __aenter__(self) -> Self:
        assert await self.connected()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.socket.wait()

    async def connected(self) -> bool:
        await self.socket.send_input({"type": "websocket.connect"})
        answer = await self.socket.receive_output(timeout=5)
        return bool(answer["type"] == "websocket.accept")

    async def watch(self, *topics: object) -> None:
        await self.say(json.dumps({"watch": topics}))

    async def say(self, frame: str | bytes) -> None:
        kind = "text" if isinstance(frame, str) else "bytes"
        await self.socket.send_input({"type": "websocket.receive", kind: frame})

    async def heard(self) -> str:
        """The next topic, and nothing else; fails if the socket closes or is silent."""
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.send"
        told: dict[str, str] = json.loads(message["text"])
        assert set(told) == {"topic"}
        return told["topic"]

    async def close_code(self) -> int:
        """The code with which the server closes next, having said nothing more."""
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close"
        return int(message["code"])


@database_sync_to_async
def do(act: Callable[[], Any]) -> Any:
    return act()


async def alices(world: World) -> Page:
    return Page(await do(lambda: session_of(world.people["alice"])))


async def test_a_topic_is_named_when_it_is_taken_up_and_when_it_changes(
    world: World,
) -> None:
    task = await do(world.send)
    topic = f"task:{task['id']}"
    async with await alices(world) as page:
        await page.watch(topic)
        # What happened between the page and its socket was not heard.
        assert await page.heard() == topic
        (run,) = await do(world.nodes[0].claimed)
        assert await page.heard() == topic
        await do(lambda: world.nodes[0].report(run["run"], 1, "running"))
        assert await page.heard() == topic


async def test_log_and_presence_have_their_own_topics(world: World) -> None:
    await do(world.send)
    (run,) = await do(world.nodes[0].claimed)
    log, presence = f"log:{run['run']}", f"presence:{world.sites[1].pk}"
    async with await alices(world) as page:
        await page.watch(log, presence)
        assert {await page.heard(), await page.heard()} == {log, presence}
        await do(lambda: world.nodes[0].log(run, 0, b"a line"))
        assert await page.heard() == log
        await do(lambda: world.nodes[1].post("goodbye/"))
        assert await page.heard() == presence


async def test_every_open_tab_hears_it(world: World) -> None:
    task = await do(world.send)
    topic = f"task:{task['id']}"
    async with await alices(world) as one, await alices(world) as other:
        for page in (one, other):
            await page.watch(topic)
            assert await page.heard() == topic
        await do(world.nodes[0].claimed)
        assert [await page.heard() for page in (one, other)] == [topic, topic]


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


NOT_HEARD = [
    "task:{foreign_task}",
    "log:{foreign_run}",
    "tasks:{foreign_collaboration}",
    "presence:{foreign_site}",
    "task:999999",
    "log:0",
    "task:",
    "task",
    "",
    ":1",
    "task:{task}:1",
    "task:0{task}",
    "task: {task}",
    "task:-{task}",
    "task:²",
    "task:1e3",
    "task:" + "9" * 18,
    "task:" + "9" * 400,
    "TASK:{task}",
    "node:1",
    "__class__:1",
    "task.{task}",
    "\x00",
]


async def test_what_is_not_the_readers_is_not_heard(world: World, rival: World) -> None:
    task, foreign = await do(world.send), await do(rival.send)
    names = {
        "task": task["id"],
        "foreign_task": foreign["id"],
        "foreign_run": foreign["runs"][0]["id"],
        "foreign_collaboration": rival.collaboration.pk,
        "foreign_site": rival.sites[0].pk,
    }
    own = f"task:{task['id']}"
    async with await alices(world) as page:
        await page.watch(*(wanted.format(**names) for wanted in NOT_HEARD), own)
        assert await page.heard() == own
        (run,) = await do(rival.nodes[0].claimed)
        await do(lambda: rival.nodes[0].log(run, 0, b"a line"))
        await do(lambda: notify_presence(rival.sites[0].pk))
        await do(world.nodes[0].claimed)
        assert await page.heard() == own


async def test_of_a_collaboration_one_hears_only_the_tasks_one_sees(
    world: World,
) -> None:
    topic = f"tasks:{world.collaboration.pk}"
    presence = f"presence:{world.sites[0].pk}"
    async with Page(await do(lambda: session_of(world.people["dave"]))) as page:
        await page.watch(topic, presence)
        assert {await page.heard(), await page.heard()} == {topic, presence}
        # Of another site, and not at dave's: he must not even hear that it happens.
        await do(lambda: world.send(organizations=[world.sites[0].pk]))
        await do(world.nodes[0].claimed)
        await do(lambda: notify_presence(world.sites[0].pk))
        assert await page.heard() == presence
        await do(lambda: world.send(organizations=[world.sites[1].pk]))
        await do(world.nodes[1].claimed)
        assert await page.heard() == topic


def sign_out(user: User) -> None:
    Session.objects.all().delete()


def let_expire(user: User) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    user.set_password("another horse")
    user.save()


ENDINGS = [sign_out, let_expire, deactivate, change_password]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_who_is_signed_out_hears_nothing_more(
    world: World, ending: Callable[[User], None]
) -> None:
    task = await do(world.send)
    topic = f"task:{task['id']}"
    async with await alices(world) as page:
        await page.watch(topic)
        assert await page.heard() == topic
        await do(lambda: ending(world.people["alice"]))
        await do(world.nodes[0].claimed)
        assert await page.close_code() == REFUSED


@pytest.mark.parametrize("ending", ENDINGS)
async def test_who_is_signed_out_takes_up_nothing_new(
    world: World, ending: Callable[[User], None]
) -> None:
    task = await do(world.send)
    async with await alices(world) as page:
        await do(lambda: ending(world.people["alice"]))
        await page.watch(f"task:{task['id']}")
        assert await page.close_code() == REFUSED


async def test_a_membership_that_ends_silences_its_topics_at_once(
    world: World, rival: World
) -> None:
    alice = world.people["alice"]
    await do(
        lambda: grant_membership(
            user=alice,
            organization=rival.sites[0],
            role=Role.VIEWER,
            actor=SYSTEM,
        )
    )
    task = await do(world.send)
    lost = [
        f"task:{task['id']}",
        f"log:{task['runs'][0]['id']}",
        f"tasks:{world.collaboration.pk}",
        f"presence:{world.sites[0].pk}",
    ]
    kept = f"presence:{rival.sites[0].pk}"
    async with await alices(world) as page:
        await page.watch(*lost, kept)
        assert {await page.heard() for _ in range(5)} == {*lost, kept}
        own = {"user": alice, "organization": world.sites[0]}
        membership = await do(lambda: Membership.objects.get(**own))
        await do(lambda: end_membership(membership=membership, actor=SYSTEM))
        (run,) = await do(world.nodes[0].claimed)
        await do(lambda: world.nodes[0].log(run, 0, b"a line"))
        await do(lambda: world.nodes[0].post("goodbye/"))
        await do(lambda: notify_presence(rival.sites[0].pk))
        assert await page.heard() == kept


async def test_the_last_list_is_what_is_watched(world: World) -> None:
    tasks = [f"task:{(await do(world.send))['id']}" for _ in range(2)]
    presence = f"presence:{world.sites[0].pk}"
    async with await alices(world) as page:
        await page.watch(*tasks)
        assert {await page.heard(), await page.heard()} == set(tasks)
        await page.watch(*tasks)  # again: nothing is new
        await page.watch(tasks[1], presence)
        assert await page.heard() == presence
        (first, second) = await do(world.nodes[0].claimed)
        assert await page.heard() == tasks[1]
        await do(lambda: world.nodes[0].report(first["run"], 1, "running"))
        await do(lambda: world.nodes[0].report(second["run"], 1, "running"))
        assert await page.heard() == tasks[1]
        await page.watch()  # nothing
        await page.watch(tasks[0])
        assert await page.heard() == tasks[0]


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
