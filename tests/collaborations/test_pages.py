"""Who is in, under which rules: the pages of collaborations, and consent."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM, Actor
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Collaboration
from apps.collaborations.services import create_collaboration
from apps.nodes.models import Node
from apps.nodes.services import revoke_node
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from tests.collaborations.policy import stop_sending
from tests.desk import manager_of
from tests.pages import browser, browser_of, links, words
from tests.worlds import World, add_node, release_secret, take_in

LIST = "/collaborations/"


def page(world: World) -> str:
    return f"{LIST}{world.collaboration.pk}/"


def of(world: World, person: str) -> str:
    return words(browser(world, person).get(page(world)))


def test_the_list_shows_ones_collaborations_and_no_other(
    world: World, rival: World
) -> None:
    said = words(browser(world, "alice").get(LIST))
    assert world.collaboration.name in said
    assert "to learn" in said
    assert ", ".join(site.name for site in world.sites) in said
    assert "3 of 3 online" in said
    assert rival.collaboration.name not in said


def test_the_list_counts_who_is_online_now(world: World) -> None:
    longer_ago = timezone.now() - timedelta(hours=1)
    Node.objects.filter(pk=world.nodes[0].node.pk).update(last_seen_at=longer_ago)
    revoke_node(node=world.nodes[1].node, actor=SYSTEM)
    assert "1 of 2 online" in words(browser(world, "alice").get(LIST))


def test_whoever_is_in_none_learns_how_one_gets_in(world: World) -> None:
    stranger = User.objects.create_user("stranger")
    said = words(browser_of(stranger).get(LIST))
    assert "No collaborations yet" in said
    assert "invites your organization" in said


def test_a_long_purpose_is_shortened_in_the_list_and_whole_on_the_page(
    world: World,
) -> None:
    purpose = "Because " + "of much " * 100 + "and the end."
    Collaboration.objects.filter(pk=world.collaboration.pk).update(purpose=purpose)
    assert "and the end." not in words(browser(world, "alice").get(LIST))
    assert "and the end." in of(world, "alice")


def test_the_page_shows_each_member_with_consent_and_nodes(world: World) -> None:
    said = of(world, "alice")
    for node in world.nodes:
        assert f"{node.node.name} Online default csv" in said
    assert said.count("Since ") == len(world.sites)
    assert f"/organizations/{world.sites[1].pk}/" in links(
        browser(world, "alice").get(page(world))
    )


def test_a_silent_node_a_revoked_one_and_none_are_told_apart(world: World) -> None:
    add_node(world, world.sites[0], world.people["admin0"])  # announced nothing
    longer_ago = timezone.now() - timedelta(hours=1)
    Node.objects.filter(pk=world.nodes[0].node.pk).update(last_seen_at=longer_ago)
    revoke_node(node=world.nodes[1].node, actor=SYSTEM)
    said = of(world, "alice")
    assert f"{world.nodes[0].node.name} Offline since" in said
    assert world.nodes[1].node.name not in said
    assert said.count("No node serves this collaboration yet") == 1


def test_what_a_node_releases_elsewhere_is_not_shown_here(
    world: World, rival: World
) -> None:
    release_secret(world, rival)
    assert "secret" not in of(world, "alice")
    assert "secret sql" in of(rival, "alice")


@pytest.mark.parametrize(
    ("visibility", "sentence"),
    [
        (Visibility.INITIATOR, "seen by the person who sent the task."),
        (Visibility.ORGANIZATION, "seen by the organization that sent the task."),
        (Visibility.COLLABORATION, "seen by every member of the collaboration."),
    ],
)
def test_the_rules_are_sentences(
    world: World, visibility: Visibility, sentence: str
) -> None:
    Collaboration.objects.filter(pk=world.collaboration.pk).update(
        visibility=visibility, deadline_days=1
    )
    said = of(world, "alice")
    assert sentence in said
    assert "A task ends after 1 day at the latest." in said


def test_only_algorithms_that_may_run_are_named(world: World) -> None:
    answer = browser(world, "alice").get(page(world))
    assert "Summary 1.0" in words(answer)
    assert f"/algorithms/{world.version.algorithm_id}/" in links(answer)
    withdraw_version(version=world.version, actor=SYSTEM)
    assert "No algorithm may run here yet." in of(world, "alice")


def test_its_admins_are_named(world: World) -> None:
    assert "Administered by The administrators of this server" in of(world, "alice")
    world.collaboration.admins.add(world.people["dave"])
    assert f"Administered by {world.people['dave'].username}" in of(world, "alice")


@pytest.mark.parametrize(
    ("person", "may"),
    [("alice", True), ("admin1", True), ("bob", False), ("carol", False)],
)
def test_only_who_may_send_is_offered_a_new_task(
    world: World, person: str, may: bool
) -> None:
    assert offered(world, person) is may


def offered(world: World, person: str) -> bool:
    found = links(browser(world, person).get(page(world)))
    return f"/tasks/new/?collaboration={world.collaboration.pk}" in found


def leave(world: World, site: int) -> None:
    participation = world.sites[site].participations.get()
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )


def test_a_new_task_is_offered_to_whom_an_organization_of_theirs_lets_send(
    world: World,
) -> None:
    alice, site = world.people["alice"], world.sites[1]
    stop_sending(world, 0)
    assert not offered(world, "alice")
    grant_membership(user=alice, organization=site, role=Role.RESEARCHER, actor=SYSTEM)
    assert offered(world, "alice")
    leave(world, 1)
    assert not offered(world, "alice")


def test_who_has_left_is_not_named_among_those_who_may_not_send(world: World) -> None:
    stop_sending(world, 2)
    assert f"except {world.sites[2].name}." in of(world, "alice")
    leave(world, 2)
    assert "Every organization that takes part may send tasks." in of(world, "alice")


def test_only_its_admin_is_led_to_its_administration(world: World) -> None:
    way = f"/admin/collaborations/collaboration/{world.collaboration.pk}/change/"
    for user, led in ((world.people["admin0"], False), (manager_of(world), True)):
        assert (way in links(browser_of(user).get(page(world)))) is led


def test_the_sections_ask_again_when_their_topics_are_heard(world: World) -> None:
    markup = browser(world, "alice").get(page(world)).content.decode()
    for site in world.sites:
        assert f"presence:{site.pk} " in markup
    assert f'data-live="tasks:{world.collaboration.pk}"' in markup


def grow(world: World, rival: World) -> None:
    """More members, nodes, tasks, admins, versions: all that the pages show."""
    for site in rival.sites:
        take_in(world.collaboration, site)
    for node in rival.nodes:
        node.hello(world.released())
    add_node(world, world.sites[0], world.people["admin0"], hello=True)
    for name in ("Another", "One more"):
        created = create_collaboration(
            name=name, admins=[world.people["alice"]], actor=SYSTEM
        )
        invite_organization(
            collaboration=created, organization=world.sites[0], actor=SYSTEM
        )
    world.collaboration.admins.set([world.people["bob"], world.people["dave"]])
    for _ in range(3):
        world.send()


def cost(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_pages_cost_the_same_when_everything_grows(world: World, rival: World) -> None:
    world.send()
    world.collaboration.admins.add(world.people["bob"])
    client = browser(world, "alice")
    paths = [LIST, page(world)]
    before = {path: cost(client, path) for path in paths}
    grow(world, rival)
    assert {path: cost(client, path) for path in paths} == before
    assert before[LIST] <= 8
    assert before[page(world)] <= 18


def test_the_list_goes_page_by_page(world: World) -> None:
    for number in range(30):
        create_collaboration(
            name=f"Number {number:02}", admins=[world.people["alice"]], actor=SYSTEM
        )
    client = browser(world, "alice")
    first = client.get(LIST)
    assert "Number 29" in words(first)
    assert "Number 04" not in words(first)
    second = words(client.get(f"{LIST}?{first.context['page'].next}"))
    assert "Number 04" in second
    assert world.collaboration.name in second


def test_hostile_names_are_text(world: World) -> None:
    name = "<img src=x onerror=alert(1)>\u202e"
    site = create_organization(name=name, actor=SYSTEM)
    hostile = create_collaboration(
        name=f"{name}!",
        purpose=f"<b>{name}",
        admins=[world.people["alice"]],
        actor=Actor.user(world.people["alice"].pk),
    )
    participation = invite_organization(
        collaboration=hostile, organization=site, actor=SYSTEM
    )
    eve = User.objects.create_user("mallory")
    grant_membership(user=eve, organization=site, role=Role.ADMIN, actor=SYSTEM)
    pages: list[Any] = [
        browser(world, "alice").get(f"{LIST}{hostile.pk}/"),
        browser(world, "alice").get(LIST),
        browser_of(eve).get(LIST),
        browser_of(eve).get(f"{LIST}consent/{participation.pk}/"),
    ]
    for answer in pages:
        assert "<img src=x" not in answer.content.decode()
        assert "<img src=x onerror=alert(1)>" in html.unescape(answer.content.decode())
