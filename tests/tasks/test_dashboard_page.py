"""The dashboard: what needs me, and what is new."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.consents import invite_organization
from apps.collaborations.services import create_collaboration, set_collaboration_admins
from apps.nodes.models import Node
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.dashboard import FRESH, RUNNING
from apps.tasks.models import Run
from tests.worlds import World, add_node


def dashboard(world: World, person: str = "alice") -> str:
    return dashboard_of(world.people[person])


def dashboard_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def section(html: str, name: str) -> str:
    """The panel of that heading, up to the end of the page if need be."""
    found = re.search(rf'aria-labelledby="{name}-head".*?</section>', html, re.DOTALL)
    return found[0] if found else ""


def finish(world: World) -> None:
    """Let every node complete what waits for it."""
    for node in world.nodes:
        for run in node.claimed():
            node.complete(run)


def test_my_running_tasks_are_lanes_per_site(world: World) -> None:
    task = world.send(name="Mine")
    (run,) = world.nodes[0].claimed()
    world.nodes[0].report(run["run"], 1, "running")
    Node.objects.filter(organization=world.sites[2]).update(last_seen_at=None)
    running = section(dashboard(world), "running")
    assert f'href="/tasks/{task["id"]}/"' in running
    assert running.count('<li class="lane"') == 3
    assert running.count("bar-moving") == 1
    for words in ("Mine", "Running", "Queued", "none has connected yet"):
        assert words in running


def test_others_see_in_it_neither_my_tasks_nor_those_of_strangers(
    world: World, rival: World
) -> None:
    world.send(name="Mine alone")
    for user in (world.people["admin0"], rival.people["alice"]):
        assert "Mine alone" not in dashboard_of(user)


def test_five_running_tasks_are_shown_and_the_rest_is_linked(world: World) -> None:
    names = [f"Number {n}." for n in range(RUNNING + 2)]
    for name in names[:RUNNING]:
        world.send(name=name)
    running = section(dashboard(world), "running")
    assert [name in running for name in names[:RUNNING]] == [True] * RUNNING
    assert "All of them" not in running
    for name in names[RUNNING:]:
        world.send(name=name)
    running = section(dashboard(world), "running")
    newest = [False] * 2 + [True] * RUNNING
    assert [name in running for name in names] == newest
    assert 'href="/tasks/?mine=on&amp;status=open"' in running


def test_what_has_finished_is_fresh_with_the_states_of_its_sites(world: World) -> None:
    task = world.send(name="Done")
    (run,) = world.nodes[0].claimed()
    world.nodes[0].report(run["run"], 1, "failed", code="exit_nonzero")
    finish(world)
    html = dashboard(world, "bob")  # a colleague
    fresh = section(html, "fresh")
    assert f'href="/tasks/{task["id"]}/"' in fresh
    assert "heart-alice" in fresh
    assert re.search(r"2 ×</span> <span class=\"state state-green\"", fresh)
    assert fresh.count("state-red") == 1
    assert "Done" not in section(html, "running")
    running = section(dashboard(world), "running")
    assert "Nothing of yours is running." in running


def test_only_the_newest_finished_tasks_are_shown(world: World) -> None:
    for number in range(FRESH + 1):
        world.send(name=f"Number {number}.", organizations=[world.sites[0].pk])
        finish(world)
    fresh = section(dashboard(world), "fresh")
    assert [f"Number {n}." in fresh for n in range(FRESH + 1)] == [False] + [
        True
    ] * FRESH


def test_an_invitation_waits_for_the_admin_of_the_invited(
    world: World, rival: World
) -> None:
    collaboration = create_collaboration(name="Rare tumours", actor=SYSTEM)
    invitation = invite_organization(
        collaboration=collaboration, organization=world.sites[0], actor=SYSTEM
    )
    html = dashboard(world, "admin0")
    assert html.index("Waiting for your decision") < html.index("steps-head")
    waiting = section(html, "invitations")
    assert "Rare tumours" in waiting
    assert f'href="/collaborations/consent/{invitation.pk}/"' in waiting
    for user in (
        world.people["alice"],
        world.people["admin1"],
        rival.people["admin0"],
    ):
        assert "Rare tumours" not in dashboard_of(user)


def test_the_nodes_of_my_organizations_stand_at_the_edge(world: World) -> None:
    names = [client.node.name for client in world.nodes]
    edge = section(dashboard(world), "nodes")
    assert [name in edge for name in names] == [True, False, False]
    assert "presence-online" in edge
    gone = timezone.now() - timedelta(hours=3)
    Node.objects.filter(pk=world.nodes[0].node.pk).update(last_seen_at=gone)
    edge = section(dashboard(world), "nodes")
    assert "Offline since" in edge
    assert gone.isoformat() in edge
    Node.objects.filter(pk=world.nodes[0].node.pk).update(revoked_at=gone)
    assert "An admin of the organization can" in section(dashboard(world), "nodes")
    own = section(dashboard(world, "admin0"), "nodes")
    (link,) = re.findall(r'href="(/admin/[^"]+)"', own)
    admin = Client()
    admin.force_login(world.people["admin0"])
    assert f'value="{world.sites[0].pk}" selected' in admin.get(link).content.decode()


def test_a_newcomer_is_shown_the_first_steps_with_links_that_work(world: World) -> None:
    client = Client()
    client.force_login(world.people["alice"])
    steps = section(dashboard(world), "steps")
    assert "Three steps to your first result" in steps
    links = re.findall(r'href="([^"]+)"', steps)
    assert links == ["/collaborations/", "/algorithms/", "/tasks/new/"]
    assert [client.get(link).status_code for link in links] == [200] * 3
    world.send()
    assert not section(dashboard(world), "steps")
    assert section(dashboard(world, "admin0"), "steps")  # who has sent nothing yet


@pytest.mark.parametrize("person", ["bob", "carol"])
def test_who_may_not_send_tasks_is_told_what_else_there_is(
    world: World, person: str
) -> None:
    steps = section(dashboard(world, person), "steps")
    assert "What you can do here" in steps
    assert "role of researcher" in steps
    assert "/tasks/new/" not in steps


def test_who_has_left_is_shown_nothing_of_what_they_sent(world: World) -> None:
    world.send(name="No longer mine")
    membership = Membership.objects.get(user=world.people["alice"])
    end_membership(membership=membership, actor=SYSTEM)
    assert "No longer mine" not in dashboard(world)


def test_who_belongs_to_no_organization_is_told_whom_to_ask(world: World) -> None:
    membership = Membership.objects.get(user=world.people["alice"])
    end_membership(membership=membership, actor=SYSTEM)
    html = dashboard(world)
    assert "Become a member" in section(html, "steps")
    assert "You are a member of no organization." in section(html, "nodes")


def test_who_administers_without_being_a_member_is_led_to_the_administration(
    world: World,
) -> None:
    alice = world.people["alice"]
    end_membership(membership=Membership.objects.get(user=alice), actor=SYSTEM)
    set_collaboration_admins(
        collaboration=world.collaboration, admins=[alice], actor=SYSTEM
    )
    for person in (alice, world.platform_admin):
        steps = section(dashboard_of(person), "steps")
        links = re.findall(r'href="([^"]+)"', steps)
        assert links == ["/admin/", "/collaborations/", "/tasks/"]


def test_it_listens_to_what_it_shows_and_to_nothing_else(
    world: World, rival: World
) -> None:
    html = dashboard(world)
    (topics,) = re.findall(r'id="dashboard"[^>]* data-live="([^"]*)"', html)
    own = f"tasks:{world.collaboration.pk} presence:{world.sites[0].pk}"
    assert topics == own
    world.send()
    (topics,) = re.findall(r'id="dashboard"[^>]* data-live="([^"]*)"', dashboard(world))
    sites = " ".join(f"presence:{site.pk}" for site in world.sites)
    assert topics == f"tasks:{world.collaboration.pk} {sites}"


def test_a_stranger_is_asked_to_sign_in(db: None) -> None:
    answer = Client().get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_it_costs_the_same_however_much_happens(world: World) -> None:
    def cost() -> int:
        client = Client()
        client.force_login(world.people["alice"])
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    world.send()
    finish(world)
    world.send()
    before = cost()
    for _ in range(3):
        world.send()
    finish(world)
    for _ in range(4):
        world.send()
    world.nodes[1].claimed()
    add_node(world, world.sites[0], world.people["admin0"], hello=True)
    assert Run.objects.count() > 20
    assert cost() == before
    assert before <= 26
