"""Run again: a new run for the same organization; the ended one stays to be read."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.models import Participation
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.stored import acts, nothing_stored
from tests.worlds import World

pytestmark = pytest.mark.backends


@pytest.fixture
def ended(world: World) -> dict[str, Any]:
    """A task of one site whose run has completed."""
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run, b"first")
    assert Task.objects.get(pk=task["id"]).status == "finished"
    return run


def again(world: World, run: int, person: str = "alice", **headers: str) -> Any:
    return world.person(person).post(f"/api/v1/runs/{run}/again/", headers=headers)


def test_a_new_run_supersedes_the_ended_one(
    world: World, ended: dict[str, Any]
) -> None:
    answer = again(world, ended["run"])
    assert answer.status_code == 201
    new = answer.json()
    assert (new["status"], new["supersedes"], new["is_current"], new["attempt"]) == (
        "queued",
        ended["run"],
        True,
        0,
    )
    assert not Run.objects.get(pk=ended["run"]).is_current
    task = world.person("alice").get(f"/api/v1/tasks/{ended['task']['id']}/").json()
    assert (task["status"], task["finished_at"]) == ("open", None)
    assert [run["id"] for run in task["runs"]] == [new["id"]]
    assert task["runs_by_status"] == {"queued": 1}
    assert acts("run.again", object_id=task["id"]) == 1


def test_both_results_stay_and_the_zip_has_the_current_one(
    world: World, ended: dict[str, Any]
) -> None:
    new = again(world, ended["run"]).json()["id"]
    (run,) = world.nodes[0].claimed()
    assert (run["run"], run["attempt"], run["input"]) == (new, 1, ended["input"])
    world.nodes[0].complete(run, b"second")
    alice = world.person("alice")
    path = f"/api/v1/results/?task={ended['task']['id']}"
    listed = alice.get(path).json()["results"]
    assert {result["run"] for result in listed} == {ended["run"], new}
    current = alice.get(f"{path}&current=true").json()["results"]
    assert [result["run"] for result in current] == [new]
    with Result.objects.get(run=ended["run"]).file.open("rb") as old:
        assert old.read() == b"first"
    assert alice.get(f"/api/v1/tasks/{ended['task']['id']}/").json()["status"] == (
        "finished"
    )


@pytest.mark.parametrize("state", ["queued", "claimed", "running"])
def test_only_an_ended_run_can_be_run_again(world: World, state: str) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    run = task["runs"][0]["id"]
    if state != "queued":
        world.nodes[0].claimed()
    if state == "running":
        world.nodes[0].report(run, 1, "running")
    world.person("alice")
    with nothing_stored():
        answer = again(world, run)
    assert (answer.status_code, answer.json()["code"]) == (409, "run_not_ended")


def test_a_superseded_run_cannot_be_run_again(
    world: World, ended: dict[str, Any]
) -> None:
    again(world, ended["run"])
    with nothing_stored():
        answer = again(world, ended["run"])
    assert (answer.status_code, answer.json()["code"]) == (409, "run_not_ended")


def test_a_key_makes_a_repeat_harmless(world: World, ended: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "once"}
    first = again(world, ended["run"], **headers)
    with nothing_stored():
        second = again(world, ended["run"], **headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_the_same_key_for_another_run_is_refused(world: World) -> None:
    task = world.send()
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    first, second, _ = (run["id"] for run in task["runs"])
    again(world, first, **{"Idempotency-Key": "k"})
    with nothing_stored():
        answer = again(world, second, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (
        422,
        "idempotency_key_reused",
    )


def test_the_deadline_begins_anew(world: World, ended: dict[str, Any]) -> None:
    Task.objects.update(deadline_at=timezone.now() - timedelta(days=1))
    again(world, ended["run"])
    left = Task.objects.get().deadline_at - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_an_organization_that_left_is_not_asked_again(
    world: World, ended: dict[str, Any]
) -> None:
    task = world.send(organizations=[world.sites[1].pk])
    (run,) = world.nodes[1].claimed()
    world.nodes[1].complete(run)
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[1]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    with nothing_stored():
        answer = again(world, task["runs"][0]["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "organization_unknown")


def test_a_withdrawn_version_is_not_run_again(
    world: World, ended: dict[str, Any]
) -> None:
    withdraw_version(version=world.version, actor=SYSTEM)
    with nothing_stored():
        answer = again(world, ended["run"])
    assert (answer.status_code, answer.json()["code"]) == (409, "version_withdrawn")


def test_only_who_controls_the_task_may_run_it_again(
    world: World, rival: World, ended: dict[str, Any]
) -> None:
    world.people["root"] = world.platform_admin
    table = [
        (world, "root", 403),
        (world, "bob", 403),
        (world, "carol", 403),
        (world, "dave", 404),
        (world, "admin1", 404),
        (rival, "alice", 404),
    ]
    for of, person, _ in table:
        of.person(person)
    with nothing_stored():
        found = [again(of, ended["run"], person).status_code for of, person, _ in table]
    assert found == [expected for _, _, expected in table]


def test_whoever_of_the_site_runs_nothing_again_once_it_has_left(
    world: World, ended: dict[str, Any]
) -> None:
    """They see what ran at their own site, and may send for it elsewhere."""
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[0]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    world.person("admin0")
    with nothing_stored():
        assert again(world, ended["run"], "admin0").status_code == 403


def test_the_others_of_the_task_are_left_alone(world: World) -> None:
    task = world.send()
    (failing,) = world.nodes[0].claimed()
    world.nodes[0].report(failing["run"], 1, "failed", code="exit_nonzero")
    (held,) = world.nodes[1].claimed()
    again(world, failing["run"])
    states = dict(Run.objects.values_list("pk", "status"))
    assert states[held["run"]] == "claimed"
    assert states[task["runs"][2]["id"]] == "queued"
    assert len(states) == 4
