"""Who sees which task, run, log and result: the exact table, on two rival worlds."""

import io
import zipfile
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.models import Participation
from apps.errors import Missing
from apps.nodes.services import revoke_node
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.results.models import Result
from apps.tasks import api
from apps.tasks.models import Run, Task
from apps.tasks.newest import Search, nearest_tasks
from apps.tasks.task_rows import rows_of
from apps.tasks.visible import task_or_404
from tests.pages import browser
from tests.worlds import World

NOBODY = 10**9
A, B = "A", "B"
BOTH, NEITHER = {A, B}, set[str]()
# Alice (site A) sends a task to A and B. Who sees the runs of which sites?
VISIBLE: dict[str, dict[str, set[str]]] = {
    "initiator": {
        "alice": BOTH,
        "bob": {A},
        "carol": {A},
        "admin0": {A},
        "dave": {B},
        "admin1": {B},
        "admin2": NEITHER,
        "root": BOTH,
    },
    "organization": {
        "alice": BOTH,
        "bob": BOTH,
        "carol": BOTH,
        "admin0": BOTH,
        "dave": {B},
        "admin1": {B},
        "admin2": NEITHER,
        "root": BOTH,
    },
    "collaboration": {
        "alice": BOTH,
        "bob": BOTH,
        "carol": BOTH,
        "admin0": BOTH,
        "dave": BOTH,
        "admin1": BOTH,
        "admin2": BOTH,
        "root": BOTH,
    },
}
STRANGERS: dict[str, set[str]] = {
    name: NEITHER for name in ("alice", "bob", "carol", "dave", "admin0", "admin1")
}


def finished_task(world: World, visibility: str = "organization") -> int:
    """A task of sites A and B whose runs have logs and results."""
    world.people["root"] = world.platform_admin
    world.collaboration.visibility = visibility
    world.collaboration.save()
    task = world.send(organizations=[site.pk for site in world.sites[:2]])
    for node in world.nodes[:2]:
        (run,) = node.claimed()
        node.log(run, 0, b"a line")
        node.complete(run)
    return int(task["id"])


def sites(world: World, organizations: list[int]) -> set[str]:
    letters = {site.pk: letter for site, letter in zip(world.sites, "ABC", strict=True)}
    return {letters[pk] for pk in organizations}


def seen(world: World, client: APIClient, task: int) -> dict[str, set[str]]:
    """Ask every address about the task; the sites whose things are shown by each."""
    runs = {run.pk: run.organization_id for run in Run.objects.filter(task=task)}
    results = {r.pk: runs[r.run_id] for r in Result.objects.filter(run__in=runs)}

    def get(path: str) -> Any:
        return client.get(f"/api/v1/{path}")

    def shown(path: str, things: dict[int, int]) -> list[int]:
        codes = {pk: get(path.format(pk)).status_code for pk in things}
        assert set(codes.values()) <= {200, 404}
        return [things[pk] for pk, code in codes.items() if code == 200]

    def listed(path: str) -> list[int]:
        return [row["organization"]["id"] for row in get(path).json()["results"]]

    detail, archive = get(f"tasks/{task}/"), get(f"tasks/{task}/results.zip")
    assert detail.status_code == archive.status_code
    in_list = [row["id"] for row in get("tasks/").json()["results"]]
    assert (task in in_list) == (detail.status_code == 200)
    found: dict[str, list[int]] = {
        "runs of the task": [],
        "results in the zip": [],
        "runs": shown("runs/{}/", runs),
        "logs": shown("runs/{}/log/", runs),
        "results": shown("results/{}/", results),
        "downloads": shown("results/{}/download/", results),
        "list of runs": listed(f"runs/?task={task}"),
        "list of results": listed(f"results/?task={task}"),
    }
    if detail.status_code == 200:
        found["runs of the task"] = [
            run["organization"]["id"] for run in detail.json()["runs"]
        ]
        with zipfile.ZipFile(io.BytesIO(archive.getvalue())) as opened:
            found["results in the zip"] = [
                int(name.split("-")[1]) for name in opened.namelist()
            ]
    return {address: sites(world, places) for address, places in found.items()}


@pytest.mark.parametrize("visibility", VISIBLE)
def test_everybody_sees_exactly_their_part(
    world: World, rival: World, visibility: str
) -> None:
    task = finished_task(world, visibility)
    for of, table in ((world, VISIBLE[visibility]), (rival, STRANGERS)):
        for person, expected in table.items():
            found = seen(world, of.person(person), task)
            assert found == dict.fromkeys(found, expected), person


def test_without_signing_in_there_is_nothing_to_see(world: World) -> None:
    task = finished_task(world)
    run = Run.objects.filter(task=task)[0].pk
    result = Result.objects.all()[0].pk
    paths = [
        "me/",
        "organizations/",
        "collaborations/",
        "nodes/",
        "algorithms/",
        "tasks/",
        f"tasks/{task}/",
        f"tasks/{task}/results.zip",
        "runs/",
        f"runs/{run}/",
        f"runs/{run}/log/",
        "results/",
        f"results/{result}/",
        f"results/{result}/download/",
    ]
    revoke_node(node=world.nodes[1].node, actor=SYSTEM)
    callers: list[dict[str, str]] = [{}, world.nodes[0].headers, world.nodes[1].headers]
    for headers in callers:
        answers = [APIClient().get(f"/api/v1/{p}", headers=headers) for p in paths]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1


def test_foreign_and_missing_things_get_the_same_answer(
    world: World, rival: World
) -> None:
    task = finished_task(rival)
    run = Run.objects.filter(task=task)[0].pk
    result = Result.objects.all()[0].pk
    alice = world.person("alice")
    table = [
        ("get", "tasks/{}/", task),
        ("get", "tasks/{}/?wait=0.1", task),
        ("get", "tasks/{}/results.zip", task),
        ("post", "tasks/{}/cancel/", task),
        ("get", "runs/{}/", run),
        ("get", "runs/{}/log/", run),
        ("post", "runs/{}/again/", run),
        ("get", "results/{}/", result),
        ("get", "results/{}/download/", result),
        ("get", "organizations/{}/", rival.sites[0].pk),
        ("get", "collaborations/{}/", rival.collaboration.pk),
        ("get", "nodes/{}/", rival.nodes[0].node.pk),
        ("get", "algorithms/{}/", rival.version.algorithm_id),
    ]
    for method, path, pk in table:
        call = getattr(alice, method)
        foreign = call(f"/api/v1/{path.format(pk)}")
        for missing in (NOBODY, 0, 2**63, 10**40):
            other = call(f"/api/v1/{path.format(missing)}")
            assert (foreign.status_code, foreign.content) == (404, other.content), path
            assert set(foreign.headers) == set(other.headers), path
    for query in (f"task={task}", f"run={run}"):
        assert alice.get(f"/api/v1/results/?{query}").json()["results"] == []


def test_a_right_that_ends_while_the_answer_is_made_is_asked_again(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, stranger = world.send()["id"], rival.people["alice"]
    for since in (None, 0):
        with pytest.raises(Missing):
            api.has_news(stranger, task, since)
    monkeypatch.setattr(api, "has_news", lambda *asked: True)  # it saw the task
    answer = rival.person("alice").get(f"/api/v1/tasks/{task}/")
    missing = rival.person("alice").get(f"/api/v1/tasks/{NOBODY}/")
    assert (answer.status_code, answer.content) == (404, missing.content)


def test_leaving_an_organization_ends_everything_at_once(world: World) -> None:
    task = finished_task(world, "collaboration")
    for person in ("alice", "dave"):
        client = world.person(person)
        assert seen(world, client, task)["runs"] == BOTH
        membership = Membership.objects.get(user=world.people[person])
        end_membership(membership=membership, actor=SYSTEM)
        found = seen(world, client, task)
        assert found == dict.fromkeys(found, NEITHER)
        assert client.post("/api/v1/tasks/", world.task_body()).status_code == 422
        assert client.post(f"/api/v1/tasks/{task}/cancel/").status_code == 404


def test_a_site_that_ends_its_participation_keeps_its_own_runs_only(
    world: World,
) -> None:
    task = finished_task(world, "collaboration")
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[1]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    found = seen(world, world.person("dave"), task)
    assert found == dict.fromkeys(found, {B})
    assert seen(world, world.person("alice"), task)["runs"] == BOTH


def test_a_wider_policy_of_the_collaboration_does_not_open_old_tasks(
    world: World,
) -> None:
    task = finished_task(world, "initiator")
    world.collaboration.visibility = "collaboration"
    world.collaboration.save()
    assert seen(world, world.person("admin2"), task)["runs"] == NEITHER


def test_a_person_who_was_shut_out_sees_nothing(world: World) -> None:
    task = finished_task(world)
    bob = world.people["bob"]
    client = world.person("bob")
    bob.is_active = False
    bob.save()
    assert client.get(f"/api/v1/tasks/{task}/").status_code == 401
    assert not Task.objects.visible_to(bob).exists()
    assert not Run.objects.visible_to(bob).exists()
    assert not Result.objects.visible_to(bob).exists()
    assert not rows_of(Search(bob, {}), 0, 1)
    assert not nearest_tasks(bob, {}, "-pk", 10).exists()
    with pytest.raises(Missing):
        task_or_404(bob, task)


def test_a_number_that_no_column_holds_names_nothing(world: World) -> None:
    client = browser(world)
    for path in ("tasks/{}", "runs/{}/log", "results/{}", "api/v1/runs/{}"):
        assert client.get(f"/{path.format(2**63)}/").status_code == 404, path
