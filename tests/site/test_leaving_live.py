"""Open pages fall silent when their reader leaves, and take up nothing new."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed

from apps.accounts.models import User
from apps.accounts.people import set_active
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation
from apps.collaborations.services import archive_collaboration, set_collaboration_admins
from apps.organizations.choices import Role
from apps.organizations.services import end_membership, grant_membership
from apps.tasks.consumers import REFUSED
from tests.collaborations.policy import set_policy
from tests.desk import manager_of
from tests.site.test_live_pages import Servers, Tab, servers  # noqa: F401 (a fixture)
from tests.worlds import World

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

A_WHILE = 0.5  # seconds after which nothing more is on its way


def leave_each_in_their_way(world: World) -> None:
    people = world.people
    end_membership(membership=people["alice"].memberships.get(), actor=SYSTEM)
    set_active(user=people["bob"], active=False, actor=SYSTEM)
    answer_invitation(
        participation=world.sites[2].participations.get(),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    set_collaboration_admins(collaboration=world.collaboration, admins=[], actor=SYSTEM)


def silent(tab: Tab) -> bool:
    """Whether nothing is said for a while, or the server has closed the socket."""
    try:
        tab.heard(timeout=A_WHILE)
    except TimeoutError:
        return True
    except ConnectionClosed:
        return tab.socket.protocol.close_code == REFUSED
    return False


@pytest.fixture
def leavers(world: World) -> dict[str, User]:
    names = ("alice", "bob", "admin2")
    return {name: world.people[name] for name in names} | {"manager": manager_of(world)}


@pytest.fixture
def tabs(
    leavers: dict[str, User],
    servers: Servers,  # noqa: F811
) -> Iterator[dict[str, Tab]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Tab(servers.here, user))
            for name, user in leavers.items()
        }


def test_whoever_left_hears_nothing_more_and_subscribes_to_nothing(
    world: World,
    servers: Servers,  # noqa: F811
    leavers: dict[str, User],
    tabs: dict[str, Tab],
) -> None:
    set_policy(world, visibility=Visibility.COLLABORATION)
    task = world.send("dave", organizations=[world.sites[1].pk])
    topics = (
        f"task:{task['id']}",
        f"tasks:{world.collaboration.pk}",
        f"log:{task['runs'][0]['id']}",
        f"presence:{world.sites[1].pk}",
    )
    with Tab(servers.here, world.people["dave"]) as stays:
        for tab in (*tabs.values(), stays):
            tab.watch(*topics)
        leave_each_in_their_way(world)
        (run,) = world.nodes[1].claimed()
        world.nodes[1].log(run, 0, b"a line")
        world.nodes[1].post("goodbye/")
        assert {stays.heard() for _ in range(4)} == set(topics)
        assert {name: silent(tab) for name, tab in tabs.items()} == dict.fromkeys(
            leavers, True
        )
    for user in leavers.values():
        with Tab(servers.here, user) as again:
            # Whoever cannot sign in any more is sent away at once.
            with suppress(ConnectionClosed):
                for topic in topics:
                    again.socket.send(f'{{"watch": ["{topic}"]}}')
            assert silent(again), user


def test_a_lowered_role_and_an_archive_leave_open_pages_as_they_may_be(
    world: World,
    servers: Servers,  # noqa: F811
) -> None:
    """Both take away what one may do, not what one may read."""
    task = world.send(organizations=[world.sites[0].pk])
    topic = f"task:{task['id']}"
    alice = world.people["alice"]
    with Tab(servers.here, alice) as tab:
        tab.watch(topic)
        grant_membership(
            user=alice,
            organization=world.sites[0],
            role=Role.VIEWER,
            actor=SYSTEM,
        )
        (run,) = tab.hears(topic, world.nodes[0].claimed)
        archive_collaboration(collaboration=world.collaboration, actor=SYSTEM)
        tab.hears(topic, lambda: world.nodes[0].report(run["run"], 1, "running"))
