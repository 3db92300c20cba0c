"""Are we healthy: an organization's page, to its members and to those beside it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.consents import invite_organization
from apps.nodes.models import Node, OnlineDay
from apps.nodes.services import revoke_node
from apps.organizations.choices import Role
from apps.organizations.services import grant_membership
from apps.tasks.templatetags import latest
from tests.pages import browser, browser_of, links, words
from tests.worlds import World, add_node, release_secret

DAY = 24 * 3600
WEEK = timedelta(days=7)


def page(world: World, site: int = 0) -> str:
    return f"/organizations/{world.sites[site].pk}/"


def seen_by(of: World, person: str, path: str) -> str:
    return words(browser(of, person).get(path))


def test_members_see_nodes_databases_people_and_runs(world: World) -> None:
    world.send()
    said = seen_by(world, "bob", page(world))
    assert f"{world.nodes[0].node.name} Online" in said
    assert "Version 0.1.0 on docker 28; up to 2 runs at the same time" in said
    assert f"{world.collaboration.name} default csv" in said
    assert f"{world.people['alice'].username} Researcher" in said
    assert f"{world.people['carol'].username} Data steward" in said
    assert "The only run" in said
    assert "1 Queued" in said


def test_other_sites_see_health_and_nothing_of_the_people(world: World) -> None:
    world.send()
    said = seen_by(world, "dave", page(world))
    assert f"{world.nodes[0].node.name} Online" in said
    assert world.collaboration.name in said
    assert "People" not in said
    assert "Runs" not in said
    for person in ("alice", "bob", "carol", "admin0"):
        assert world.people[person].username not in said


def test_what_concerns_another_collaboration_stays_there(
    world: World, rival: World
) -> None:
    release_secret(world, rival)
    dave = seen_by(world, "dave", page(world))
    assert rival.collaboration.name not in dave
    assert "secret" not in dave
    beside = seen_by(rival, "alice", page(world))
    assert f"{rival.collaboration.name} secret sql" in beside
    shared = links(browser(rival, "alice").get(page(world)))
    assert f"/collaborations/{rival.collaboration.pk}/" in shared
    assert f"/collaborations/{world.collaboration.pk}/" not in shared
    own = seen_by(world, "alice", page(world))
    assert rival.collaboration.name in own
    assert "secret sql" in own


def test_a_foreign_organization_seems_not_to_exist(world: World, rival: World) -> None:
    client = browser(world, "alice")
    answers = [client.get(page(rival)), client.get(f"/organizations/{10**9}/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({words(answer) for answer in answers}) == 1


def test_a_platform_admin_sees_the_people(world: World) -> None:
    said = words(browser_of(world.platform_admin).get(page(world)))
    assert world.people["alice"].username in said


def test_the_health_of_each_node_is_told(world: World) -> None:
    longer_ago = timezone.now() - timedelta(hours=1)
    Node.objects.filter(pk=world.nodes[0].node.pk).update(last_seen_at=longer_ago)
    silent = add_node(world, world.sites[0], world.people["admin0"])
    gone = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    revoke_node(node=gone.node, actor=SYSTEM)
    said = seen_by(world, "alice", page(world))
    assert f"{world.nodes[0].node.name} Offline since" in said
    assert "last heard" not in said
    assert f"{silent.node.name} Never connected" in said
    assert "it has not said anything of itself yet" in said
    assert gone.node.name not in said


def test_how_long_each_node_was_there_is_shown_in_bars_and_words(world: World) -> None:
    node = Node.objects.get(pk=world.nodes[0].node.pk)
    today = timezone.now().date()
    Node.objects.filter(pk=node.pk).update(created_at=timezone.now() - WEEK)
    OnlineDay.objects.filter(node=node).delete()
    for ago in range(1, 8):
        day, gap = today - timedelta(days=ago), 5 * 3600 if ago == 2 else 0
        OnlineDay.objects.create(node=node, day=day, seconds=DAY - gap)
    answer = browser(world, "dave").get(page(world))
    assert f"offline 5 hours on {today - timedelta(days=2):%-d %b}" in words(answer)
    markup = answer.content.decode()
    assert markup.count("<rect") >= 30
    assert markup.count("day-unknown") == 22
    assert "style=" not in markup


def test_a_node_that_never_came_has_no_bars(world: World) -> None:
    Node.objects.filter(pk=world.nodes[0].node.pk).update(last_seen_at=None)
    OnlineDay.objects.all().delete()
    assert "<rect" not in browser(world, "dave").get(page(world)).content.decode()


def test_without_a_node_the_page_says_how_one_comes(world: World) -> None:
    revoke_node(node=world.nodes[2].node, actor=SYSTEM)
    assert "No node yet" in seen_by(world, "admin2", page(world, 2))


@pytest.mark.parametrize(("person", "told"), [("admin0", True), ("alice", False)])
def test_an_invitation_waits_for_the_own_admin(
    world: World, rival: World, person: str, told: bool
) -> None:
    participation = invite_organization(
        collaboration=rival.collaboration, organization=world.sites[0], actor=SYSTEM
    )
    found = links(browser(world, person).get(page(world)))
    assert (f"/collaborations/consent/{participation.pk}/" in found) is told


def test_what_it_is_only_invited_to_is_not_among_what_it_takes_part_in(
    world: World, rival: World
) -> None:
    invite_organization(
        collaboration=rival.collaboration, organization=world.sites[0], actor=SYSTEM
    )
    said = words(browser_of(world.platform_admin).get(page(world)))
    assert world.collaboration.name in said
    assert rival.collaboration.name not in said


@pytest.mark.parametrize(
    ("person", "may"), [("admin0", True), ("alice", False), ("admin1", False)]
)
def test_only_its_admins_are_led_to_the_administration(
    world: World, person: str, may: bool
) -> None:
    client = browser(world, person)
    found = {href for href in links(client.get(page(world))) if "/admin/" in href}
    assert bool(found) is may
    assert all(client.get(href).status_code == 200 for href in found)


def test_runs_are_counted_by_state_among_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        world.send()
    (claimed, *_) = world.nodes[0].claimed(capacity=1)
    world.nodes[0].complete(claimed)
    said = seen_by(world, "alice", page(world))
    assert "The last 3 runs" in said
    assert "2 Queued 1 Completed" in said
    monkeypatch.setattr(latest, "LOOKED_AT", 2)
    said = seen_by(world, "alice", page(world))
    assert "The last 2 runs" in said
    assert "Completed" not in said


def test_where_nothing_ran_the_page_says_so(world: World) -> None:
    assert "Nothing has run here yet." in seen_by(world, "alice", page(world))


def test_presence_is_live(world: World) -> None:
    markup = browser(world, "dave").get(page(world)).content.decode()
    assert f'data-live="presence:{world.sites[0].pk}"' in markup


def test_the_page_costs_the_same_when_everything_grows(
    world: World, rival: World
) -> None:
    client = browser(world, "alice")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page(world)).status_code == 200
        return len(captured)

    world.send()
    before = cost()
    release_secret(world, rival)
    for number in range(5):
        add_node(world, world.sites[0], world.people["admin0"], hello=True)
        user = User.objects.create_user(f"new {number}")
        grant_membership(
            user=user, organization=world.sites[0], role=Role.VIEWER, actor=SYSTEM
        )
        world.send()
    for node in Node.objects.filter(organization=world.sites[0]):
        for ago in range(1, 50):
            day = timezone.now().date() - timedelta(days=ago)
            OnlineDay.objects.create(node=node, day=day, seconds=DAY)
    assert cost() == before <= 15
