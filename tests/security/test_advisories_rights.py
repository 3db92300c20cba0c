"""Holes that a peer had to publish: what a right gives, and what it must not.

Each test is named after its kind; docs/security.md has the list.
"""

from itertools import product
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from django.test import Client

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.models import Collaboration, Participation
from apps.nodes.models import EnrolmentCode, Node
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.services import (
    create_organization,
    end_membership,
    grant_membership,
    rename_organization,
)
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.desk import act, address, desk, manager_of
from tests.pages import browser, browser_of
from tests.stored import nothing_stored
from tests.worlds import World

SECRET = "Survival of the rare"
NUMBER = b'{"n": 471147114711}'


def finished(world: World, *sites: int) -> Task:
    """Alice's task at these sites (the first: her own), with a result of each."""
    chosen = [world.sites[number].pk for number in sites]
    task = world.send(name=SECRET, organizations=chosen)
    for number in sites:
        (run,) = world.nodes[number].claimed()
        world.nodes[number].complete(run, NUMBER)
    found: Task = Task.objects.get(pk=task["id"])
    return found


def sign_in(username: str) -> Client:
    client = Client()
    form = {"login": username, "password": "correct horse"}
    client.post("/accounts/login/", form)
    return client


def test_integer_like_names_are_never_taken_for_ids(world: World) -> None:
    alice, site = world.people["alice"], world.sites[1]
    twin = User.objects.create_user(str(alice.pk), password="correct horse")
    me = sign_in(str(alice.pk)).get("/api/v1/me/").json()
    assert (me["id"], me["memberships"]) == (twin.pk, [])
    digits = create_organization(name=str(site.pk), actor=SYSTEM)
    found = browser_of(world.platform_admin).get(
        f"/api/v1/organizations/?name={site.pk}"
    )
    assert [row["id"] for row in found.json()["results"]] == [digits.pk]
    # A site whose name is a number is not what that number names in a task.
    rename_organization(organization=site, name="99999999", actor=SYSTEM)
    sender = world.person("alice")
    with nothing_stored():
        body = world.task_body(organizations=[99999999])
        answer = sender.post("/api/v1/tasks/", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "organization_unknown")


def test_an_id_is_never_taken_for_a_name(world: World) -> None:
    alice = world.people["alice"]
    assert sign_in(str(alice.pk)).get("/api/v1/me/").status_code == 401
    with pytest.raises(CommandError, match="There is no user"):
        call_command("create_token", str(alice.pk), name="x")
    answer = act(
        world.platform_admin,
        Membership,
        "add",
        username=str(alice.pk),
        organization=world.sites[1].pk,
        role=Role.ADMIN,
    )
    assert answer.status_code == 422
    assert not alice.memberships.filter(organization=world.sites[1]).exists()


def test_tasks_are_not_visible_through_a_collaborations_sub_addresses(
    world: World, rival: World
) -> None:
    task, pk = finished(world, 0), world.collaboration.pk
    addresses = [
        f"/collaborations/{pk}/",
        f"/organizations/{world.sites[0].pk}/",
        f"/tasks/?collaboration={pk}",
        *(f"/api/v1/{name}/?collaboration={pk}" for name in ("tasks", "runs")),
        f"/api/v1/collaborations/{pk}/",
        f"/api/v1/results/?task={task.pk}",
        f"/api/v1/runs/?task={task.pk}",
        f"/api/v1/organizations/{world.sites[0].pk}/",
    ]
    for person in (browser(world, "dave"), browser(rival, "alice")):
        answers = [person.get(path) for path in addresses]
        assert {a.status_code for a in answers} <= {200, 404}
        assert [a for a in answers if SECRET.encode() in a.content] == []
        rows = [row for a in answers[3:5] for row in a.json()["results"]]
        assert [row for row in rows if row.get("task", row["id"]) == task.pk] == []
    for below in ("tasks", "runs", "results", "task", f"tasks/{task.pk}"):
        for owner in (world.person("alice"), world.person("dave")):
            path = f"/api/v1/collaborations/{pk}/{below}/"
            assert owner.get(path).status_code == 404
    assert SECRET.encode() in browser(world, "alice").get(addresses[2]).content


@pytest.mark.parametrize(
    "query",
    [
        "include=results",
        "include=result,runs,task,input",
        "expand=runs.result",
        "fields=*,result__file",
        "embed=all&depth=5",
        "include_results=true&with=result&nested=1",
    ],
)
def test_results_are_not_leaked_by_an_include_parameter(
    world: World, query: str
) -> None:
    task = finished(world, 0, 1)
    result = Result.objects.get(run__task=task, run__organization=world.sites[0])
    dave = world.person("dave")  # sees the task and the run of his own site
    paths = [f"tasks/{task.pk}/", "tasks/", "runs/", "results/", "collaborations/"]
    for path in paths:
        plain, asked = (dave.get(f"/api/v1/{path}{q}") for q in ("", f"?{query}"))
        assert plain.json() == asked.json(), path
        assert NUMBER[6:-1] not in asked.content
        told = asked.json().get("results", [asked.json()])
        runs = [run for row in told for run in row.get("runs", [])]
        assert result.run_id not in {run["id"] for run in runs}
    missing = dave.get(f"/api/v1/results/{10**9}/?{query}")
    for path in (f"results/{result.pk}/", f"results/{result.pk}/download/"):
        answer = dave.get(f"/api/v1/{path}?{query}")
        assert (answer.status_code, answer.content) == (404, missing.content)


def test_no_tasks_are_left_behind_when_their_collaboration_is_deleted(
    world: World,
) -> None:
    task, collaboration = finished(world, 0), world.collaboration
    path = f"/api/v1/collaborations/{collaboration.pk}/"
    assert world.person("alice").delete(path).status_code == 405
    root = desk(world.platform_admin)
    gone = f"{address(Collaboration)}{collaboration.pk}/delete/"
    assert root.post(gone, {"post": "yes"}, follow=True).status_code == 404
    selected = {"action": "delete_selected", "_selected_action": collaboration.pk}
    root.post(address(Collaboration), {**selected, "post": "yes"})
    with pytest.raises(ProtectedError):
        collaboration.delete()
    assert Collaboration.objects.filter(pk=collaboration.pk).exists()
    assert Task.objects.get(pk=task.pk).collaboration == collaboration


def test_no_rights_are_kept_after_a_move_to_another_organization(
    world: World, rival: World
) -> None:
    task, alice, user = finished(world, 0, 1), world.person("alice"), fresh(world)
    result = Result.objects.filter(run__task=task).first()
    assert result is not None
    run = Run.objects.filter(task=task).first()
    assert run is not None
    paths = [
        f"tasks/{task.pk}/",
        f"tasks/{task.pk}/results.zip",
        f"runs/{run.pk}/",
        f"runs/{run.pk}/log/",
        f"results/{result.pk}/download/",
        f"collaborations/{world.collaboration.pk}/",
        f"organizations/{world.sites[0].pk}/",
        f"nodes/{world.nodes[0].node.pk}/",
    ]
    assert {alice.get(f"/api/v1/{path}").status_code for path in paths} == {200}
    end_membership(membership=user.memberships.get(), actor=SYSTEM)
    home = rival.sites[0]
    grant_membership(user=user, organization=home, role=Role.RESEARCHER, actor=SYSTEM)
    assert {alice.get(f"/api/v1/{path}").status_code for path in paths} == {404}
    with nothing_stored():
        assert alice.post(f"/api/v1/tasks/{task.pk}/cancel/").status_code == 404
        assert alice.post(f"/api/v1/runs/{run.pk}/again/").status_code == 404
        sent = alice.post("/api/v1/tasks/", world.task_body())
    assert sent.json()["code"] == "collaboration_unknown"
    assert alice.get("/api/v1/tasks/").json()["results"] == []
    names = set(fresh(world).groups.values_list("name", flat=True))
    assert names == {f"organization:{home.pk}:researcher"}


def fresh(world: World, person: str = "alice") -> User:
    found: User = User.objects.get(pk=world.people[person].pk)
    return found


def rights() -> tuple[Any, ...]:
    """Who holds what on this platform."""
    return (
        sorted(Membership.objects.values_list("user", "organization", "role")),
        sorted(User.objects.values_list("pk", "is_superuser", "is_staff", "groups")),
        sorted(Collaboration.objects.values_list("pk", "admins")),
        sorted(Participation.objects.values_list("pk", "status")),
        EnrolmentCode.objects.count(),
    )


def attempts(world: World, rival: World, own: User) -> list[tuple[Any, str, Any]]:
    """Forms with which a collaboration's admin might get more than was granted."""
    site, name = world.sites[0].pk, own.username
    rules = {"name": "Mine", "visibility": "collaboration", "deadline_days": 1}
    return [
        (Membership, "add", {"username": name, "organization": site, "role": "admin"}),
        (
            Membership,
            "new-person",
            {"username": "puppet", "organization": site, "role": "admin"},
        ),
        (world.people["alice"].memberships.get(), "role", {"role": "admin"}),
        (world.collaboration, "admins", {"usernames": f"{name} heart-bob"}),
        (rival.collaboration, "admins", {"usernames": name}),
        (rival.collaboration, "edit", rules),
        (Collaboration, "add", rules),
        (Organization, "add", {"name": "Mine"}),
        (User, "add", {"username": "puppet"}),
        (own, "change", {"is_superuser": "on", "is_staff": "on"}),
        (Node, "add", {"organization": site}),
        (world.collaboration.participations.get(organization=site), "accept", {}),
    ]


def test_a_collaborations_admin_cannot_widen_their_own_rights(
    world: World, rival: World
) -> None:
    manager = manager_of(world)
    world.collaboration.participations.filter(organization=world.sites[0]).update(
        status="invited"
    )
    before = rights()
    for target, page, data in attempts(world, rival, manager):
        answer = act(manager, target, page, **data)
        assert answer.status_code in (403, 404), (target, page)
        assert rights() == before, (target, page)
    rules = {"purpose": "x", "visibility": "initiator", "deadline_days": 30}
    wished = {"admins": [world.people["bob"].pk], "is_superuser": "on"}
    saved = act(manager, world.collaboration, "edit", **rules, **wished)
    assert (saved.status_code, rights()) == (302, before)


def test_who_administers_site_and_collaboration_cannot_lift_themselves(
    world: World,
) -> None:
    admin = fresh(world, "admin0")
    world.collaboration.admins.add(admin)
    before = rights()
    for site, role in product(world.sites, Role):
        wished = {"username": admin.username, "organization": site.pk, "role": role}
        assert act(admin, Membership, "add", **wished).status_code == 422
    assert rights() == before
