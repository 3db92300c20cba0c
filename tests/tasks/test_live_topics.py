"""What the portal's socket says, to whom, and until when."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.nodes.events import notify_presence
from apps.organizations.choices import Role
from apps.organizations.models import Membership
from apps.organizations.services import end_membership, grant_membership
from apps.tasks.consumers import REFUSED
from tests.tasks.live_page import Page, alices, do, session_of
from tests.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)


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
