"""Whoever leaves loses at once what came through it: each way, at each door."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import AccessToken
from apps.accounts.people import set_active
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.services import set_collaboration_admins
from apps.nodes.models import Node
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.services import end_membership, grant_membership
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.collaborations.policy import set_policy
from tests.desk import act, desk, listed, manager_of, shown_to
from tests.pages import browser, words
from tests.stored import nothing_stored
from tests.worlds import World

SEND = "/api/v1/tasks/"
Leave = Callable[[World, str], None]


def membership_ends(world: World, person: str) -> None:
    end_membership(membership=world.people[person].memberships.get(), actor=SYSTEM)


def participation_ends(world: World, person: str) -> None:
    organization = world.people[person].memberships.get().organization
    answer_invitation(
        participation=organization.participations.get(),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )


def person_is_deactivated(world: World, person: str) -> None:
    set_active(user=world.people[person], active=False, actor=SYSTEM)


def role_is_taken_down(world: World, person: str) -> None:
    membership = world.people[person].memberships.get()
    grant_membership(
        user=membership.user,
        organization=membership.organization,
        role=Role.VIEWER,
        actor=SYSTEM,
    )


GONE: list[tuple[Leave, int]] = [
    (membership_ends, 404),
    (participation_ends, 404),
    (person_is_deactivated, 401),
]


@pytest.mark.parametrize(("leave", "status"), GONE)
def test_what_one_saw_in_the_api_is_gone_at_once(
    world: World, leave: Leave, status: int
) -> None:
    """Also the tasks that one has sent oneself, and with a token made before."""
    sent = world.send(organizations=[world.sites[1].pk])
    paths = [
        f"{SEND}{sent['id']}/",
        f"{SEND}{sent['id']}/cancel/",
        f"/api/v1/runs/{sent['runs'][0]['id']}/",
        f"/api/v1/runs/{sent['runs'][0]['id']}/log/",
        f"/api/v1/collaborations/{world.collaboration.pk}/",
        f"/api/v1/organizations/{world.sites[1].pk}/",
        f"/api/v1/nodes/{world.nodes[1].node.pk}/",
        f"/api/v1/algorithms/{world.version.algorithm_id}/",
    ]
    alice = world.person("alice")
    leave(world, "alice")
    with nothing_stored():
        found = {
            path: (alice.post if path.endswith("cancel/") else alice.get)(path)
            for path in paths
        }
        created = alice.post(SEND, world.task_body())
    assert {p: a.status_code for p, a in found.items()} == dict.fromkeys(paths, status)
    assert created.status_code == (422 if status == 404 else 401)
    if status == 404:
        assert created.json()["code"] == "collaboration_unknown"


@pytest.mark.parametrize(("leave", "status"), GONE)
def test_open_pages_and_saved_drafts_lead_nowhere(
    world: World, leave: Leave, status: int
) -> None:
    sent = world.send(organizations=[world.sites[1].pk])
    client = browser(world, "alice")
    draft = (
        f"/tasks/new/?collaboration={world.collaboration.pk}"
        f"&version={world.version.pk}&function=summary"
        f"&organizations={world.sites[1].pk}&database_0=default"
    )
    assert world.collaboration.name in words(client.get(draft))
    leave(world, "alice")
    form = {
        "key": "page-1",
        "collaboration": world.collaboration.pk,
        "version": world.version.pk,
        "function": "summary",
        "organizations": [world.sites[1].pk],
        "database_0": "default",
        "a-columns": "age",
        "name": "Age",
        "step": "send",
    }
    refused = 404 if status == 404 else 302  # to the page where one signs in
    pages = [f"/tasks/{sent['id']}/", f"/collaborations/{world.collaboration.pk}/"]
    with nothing_stored():
        assert [client.get(page).status_code for page in pages] == [refused] * 2
        answer = client.get(draft)
        posted = client.post("/tasks/new/", form)
    assert world.collaboration.name.encode() not in answer.content
    assert world.sites[1].name.encode() not in answer.content
    assert posted.status_code == (422 if status == 404 else 302)
    assert f"/tasks/new/?from={sent['id']}".encode() not in answer.content
    assert client.get(f"/tasks/new/?from={sent['id']}").status_code == refused


def test_an_admins_desk_is_empty_at_once(world: World) -> None:
    admin, client = world.people["admin0"], desk(world.people["admin0"])
    own = admin.memberships.get()
    bob = world.people["bob"].memberships.get()
    membership_ends(world, "admin0")
    assert client.get("/admin/").status_code == 404
    with nothing_stored():
        assert act(admin, bob, "end").status_code == 404
        answer = act(admin, Node, "add", organization=own.organization_id)
        assert answer.status_code == 404
    assert Membership.objects.filter(pk=bob.pk).exists()


def test_an_organization_that_left_administers_itself_only(world: World) -> None:
    participation_ends(world, "admin0")
    admin = world.people["admin0"]
    assert listed(admin, Organization) == {world.sites[0].pk}
    assert listed(admin, Collaboration) == set()
    assert listed(admin, Node) == {world.nodes[0].node.pk}
    participation = world.sites[0].participations.get()
    assert listed(admin, Participation) == {participation.pk}
    set_policy(world, purpose="what it became since")
    record = shown_to(admin, participation)
    assert "Ended" in record
    assert "what it became since" not in record


def test_a_collaborations_admin_sees_no_more_of_an_organization_that_left(
    world: World, rival: World
) -> None:
    """Nor anything of one that is only invited."""
    manager = manager_of(world)
    invited = invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    assert listed(manager, Organization) == {site.pk for site in world.sites}
    participation_ends(world, "admin0")
    stay = world.sites[1:]
    assert listed(manager, Organization) == {site.pk for site in stay}
    assert listed(manager, Node) == {n.node.pk for n in world.nodes[1:]}
    for participation in (invited, world.sites[0].participations.get()):
        link = f"/admin/organizations/organization/{participation.organization_id}/"
        assert link not in shown_to(manager, participation)


def test_a_collaborations_former_admin_keeps_nothing_of_it(world: World) -> None:
    set_policy(world, visibility=Visibility.COLLABORATION)
    sent = world.send()
    manager = manager_of(world)
    world.people["manager"] = manager
    script, client = world.client("manager"), Client()
    client.force_login(manager)
    page = f"/collaborations/{world.collaboration.pk}/"
    assert script.get(f"{SEND}{sent['id']}/").status_code == 200
    assert client.get(page).status_code == 200
    set_collaboration_admins(collaboration=world.collaboration, admins=[], actor=SYSTEM)
    assert script.get(f"{SEND}{sent['id']}/").status_code == 404
    assert script.get(f"/api/v1{page}").status_code == 404
    assert client.get(page).status_code == 404
    assert client.get("/admin/").status_code == 404
    with nothing_stored():
        for name in ("edit", "archive", "study"):
            assert act(manager, world.collaboration, name).status_code == 404


def test_a_researcher_who_becomes_a_viewer_reads_and_sends_nothing(
    world: World,
) -> None:
    sent = world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    other = world.send()
    alice = world.person("alice")
    role_is_taken_down(world, "alice")
    assert alice.get(f"{SEND}{sent['id']}/").status_code == 200
    with nothing_stored():
        acts = [
            alice.post(SEND, world.task_body()),
            alice.post(f"{SEND}{other['id']}/cancel/"),
            alice.post(f"/api/v1/runs/{sent['runs'][0]['id']}/again/"),
        ]
    assert [answer.status_code for answer in acts] == [403] * 3
    page = browser(world, "alice").get(f"/tasks/{other['id']}/")
    assert b"/cancel/" not in page.content


def test_what_is_left_comes_through_what_one_still_is(world: World) -> None:
    """A member of two sites who leaves one sees what the other shows."""
    sent = world.send()
    alice = world.person("alice")
    grant_membership(
        user=world.people["alice"],
        organization=world.sites[1],
        role=Role.VIEWER,
        actor=SYSTEM,
    )
    end_membership(
        membership=world.people["alice"].memberships.get(organization=world.sites[0]),
        actor=SYSTEM,
    )
    shown = alice.get(f"{SEND}{sent['id']}/").json()
    assert [run["organization"]["id"] for run in shown["runs"]] == [world.sites[1].pk]


def test_tasks_of_a_person_who_left_go_on_in_the_hands_of_the_organization(
    world: World,
) -> None:
    first, second = world.send(), world.send()
    membership_ends(world, "alice")
    assert [len(node.claimed(capacity=1)) for node in world.nodes] == [1, 1, 1]
    admin = world.person("admin0")
    shown = admin.get(f"{SEND}{first['id']}/").json()
    assert shown["runs_by_status"] == {"claimed": 3}
    cancelled = admin.post(f"{SEND}{second['id']}/cancel/").json()
    assert cancelled["runs_by_status"] == {"cancelled": 3}


def finished(world: World) -> Any:
    """A task of alice's, completed at the first two sites and held by the third."""
    sent = world.send()
    for node in world.nodes[:2]:
        (run,) = node.claimed()
        node.complete(run)
    return sent, world.nodes[2].claimed()[0]


def runs_seen(world: World, person: str, task: int) -> list[int]:
    answer = world.person(person).get(f"{SEND}{task}/")
    runs = answer.json().get("runs", [])
    return [run["organization"]["id"] for run in runs if run["result"]]


def test_an_organization_that_left_sees_its_own_runs_and_others_keep_theirs(
    world: World,
) -> None:
    sent, _ = finished(world)
    participation_ends(world, "dave")
    own, other = world.sites[1].pk, world.sites[0].pk
    assert runs_seen(world, "dave", sent["id"]) == [own]
    assert runs_seen(world, "alice", sent["id"]) == [other, own]
    results = world.person("dave").get("/api/v1/results/").json()["results"]
    assert len(results) == 1
    assert Result.objects.count() == 2


def test_what_a_node_has_begun_when_its_consent_ends_may_finish(world: World) -> None:
    sent, held = finished(world)
    participation_ends(world, "admin2")
    node = world.nodes[2]
    assert node.heartbeat([{"run": held["run"], "attempt": 1}]).json()["stop"] == []
    node.complete(held)
    assert Run.objects.get(pk=held["run"]).status == "completed"
    assert world.sites[2].pk in runs_seen(world, "alice", sent["id"])


def test_what_the_node_gives_back_after_that_is_cancelled(world: World) -> None:
    _, held = finished(world)
    participation_ends(world, "admin2")
    world.nodes[2].report(held["run"], 1, "queued", code="node_stopping")
    assert Run.objects.get(pk=held["run"]).status == "cancelled"
    assert Task.objects.get().status == "finished"


def test_the_sender_may_still_cancel_what_goes_on_there(world: World) -> None:
    sent, held = finished(world)
    participation_ends(world, "admin2")
    world.person("alice").post(f"{SEND}{sent['id']}/cancel/")
    holding = [{"run": held["run"], "attempt": 1}]
    stop = world.nodes[2].heartbeat(holding).json()["stop"]
    assert stop == [{**holding[0], "reason": "cancelled"}]


def test_leaving_cancels_what_is_queued_also_of_ones_own_tasks_elsewhere(
    world: World,
) -> None:
    of_leaver = world.send("dave", organizations=[world.sites[2].pk])
    of_other = world.send("alice")
    participation_ends(world, "dave")
    states = {
        (run.task_id, run.organization_id): run.status for run in Run.objects.all()
    }
    sites = [site.pk for site in world.sites]
    assert states == {
        (of_leaver["id"], sites[2]): "cancelled",
        (of_other["id"], sites[0]): "queued",
        (of_other["id"], sites[1]): "cancelled",
        (of_other["id"], sites[2]): "queued",
    }


def test_until_it_accepts_again_its_nodes_get_nothing(world: World) -> None:
    """Not even those that served the collaboration before."""
    participation_ends(world, "dave")
    own = world.collaboration
    invite_organization(collaboration=own, organization=world.sites[1], actor=SYSTEM)
    world.nodes[1].hello(world.released())
    answer = world.person("alice").post(SEND, world.task_body())
    assert answer.json()["code"] == "organization_unknown"
    page = browser(world, "alice").get(
        f"/tasks/new/?collaboration={own.pk}&function=summary"
    )
    assert world.sites[1].name not in words(page)
    world.send(organizations=[world.sites[0].pk, world.sites[2].pk])
    # A run that should not be there is not handed out either.
    Run.objects.filter(organization=world.sites[2]).update(organization=world.sites[1])
    assert world.nodes[1].claimed() == []
    Participation.objects.filter(organization=world.sites[1]).update(status="accepted")
    world.nodes[1].hello(world.released())
    assert len(world.nodes[1].claimed()) == 1


def test_a_deactivated_persons_tokens_are_gone_for_good(world: World) -> None:
    alice, script = world.people["alice"], world.client("alice")
    person_is_deactivated(world, "alice")
    assert not AccessToken.objects.filter(user=alice).exists()
    set_active(user=alice, active=True, actor=SYSTEM)
    assert script.get("/api/v1/me/").status_code == 401
    assert world.client("alice").get("/api/v1/me/").status_code == 200
