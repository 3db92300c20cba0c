"""Runs that go back into the queue: faults, a stopping node, a missing database."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.tasks.models import Run, Task
from tests.stored import moves, nothing_stored
from tests.worlds import World, add_node

pytestmark = pytest.mark.backends


def stored(run: dict[str, Any]) -> Run:
    found: Run = Run.objects.get(pk=run["run"])
    return found


def waited(run: dict[str, Any]) -> None:
    Run.objects.filter(pk=run["run"]).update(not_before=timezone.now())


def test_a_fault_is_tried_three_times_with_growing_pauses(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    for attempt, pause in ((1, 10), (2, 60)):
        answer = node.report(run["run"], attempt, "failed", code="disk_full")
        assert answer.json()["status"] == "queued"
        due = stored(run).not_before
        assert due is not None
        left = (due - timezone.now()).total_seconds()
        assert pause - 5 < left <= pause
        assert node.claimed() == []
        waited(run)
        (again,) = node.claimed()
        assert again["attempt"] == attempt + 1
    answer = node.report(run["run"], 3, "failed", code="disk_full", detail="full")
    assert answer.json()["status"] == "failed"
    assert (stored(run).code, stored(run).detail) == ("disk_full", "full")
    assert Task.objects.get().status == "finished"
    assert node.claimed() == []
    once = [("queued", "claimed"), ("claimed", "queued")]
    assert moves(run["run"]) == [*once, *once, once[0], ("claimed", "failed")]


def test_a_repeat_of_the_fault_counts_once(world: World, run: dict[str, Any]) -> None:
    node = world.nodes[0]
    first = node.report(run["run"], 1, "failed", code="internal")
    due = stored(run).not_before
    with nothing_stored():
        again = node.report(run["run"], 1, "failed", code="internal")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (stored(run).retries, stored(run).not_before) == (1, due)


def test_a_central_run_is_not_tried_again(world: World, run: dict[str, Any]) -> None:
    Task.objects.update(function="combine")
    answer = world.nodes[0].report(run["run"], 1, "failed", code="internal")
    assert answer.json()["status"] == "failed"


def test_an_algorithms_own_failure_is_final(world: World, run: dict[str, Any]) -> None:
    answer = world.nodes[0].report(run["run"], 1, "failed", code="exit_nonzero")
    assert answer.json()["status"] == "failed"
    assert world.nodes[0].claimed() == []


def test_one_sites_failure_does_not_touch_the_others(world: World) -> None:
    task = world.send()
    (failing,) = world.nodes[0].claimed()
    world.nodes[0].report(failing["run"], 1, "failed", code="exit_nonzero")
    for node in world.nodes[1:]:
        (run,) = node.claimed()
        node.complete(run)
    done = world.person("alice").get(f"/api/v1/tasks/{task['id']}/").json()
    assert done["status"] == "finished"
    assert done["runs_by_status"] == {"completed": 2, "failed": 1}


def test_a_stopping_node_gives_its_run_to_the_next(
    world: World, run: dict[str, Any]
) -> None:
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    answer = world.nodes[0].report(run["run"], 1, "queued", code="node_stopping")
    assert answer.json()["status"] == "queued"
    assert (stored(run).retries, stored(run).not_before) == (0, None)
    (taken,) = second.claimed()
    assert (taken["run"], taken["attempt"]) == (run["run"], 2)
    assert stored(run).node_id == second.node.pk


def test_a_missing_database_sends_the_run_to_another_node_only(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    node.report(run["run"], 1, "queued", code="database_unknown")
    assert node.claimed() == []
    assert node.heartbeat([]).json()["work"] is False
    (taken,) = second.claimed()
    assert taken["run"] == run["run"]


def test_after_a_new_announcement_the_node_may_have_it_again(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    node.report(run["run"], 1, "queued", code="database_unknown")
    node.hello(world.released())
    (again,) = node.claimed()
    assert (again["run"], again["attempt"]) == (run["run"], 2)


def test_a_repeat_of_giving_back_changes_nothing(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    first = node.report(run["run"], 1, "queued", code="node_stopping")
    with nothing_stored():
        again = node.report(run["run"], 1, "queued", code="node_stopping")
    assert (again.status_code, again.json()) == (200, first.json())


def test_what_a_run_was_given_back_for_is_in_its_history(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[0].report(run["run"], 1, "queued", code="node_stopping")
    last = stored(run).history.last()
    assert last is not None
    assert (last.reason, last.actor_kind, last.actor_id, last.attempt) == (
        "node_stopping",
        "node",
        world.nodes[0].node.pk,
        1,
    )


def test_a_retry_survives_a_deadline_that_has_not_come(
    world: World, run: dict[str, Any]
) -> None:
    from apps.tasks.sweeps import expire_tasks

    world.nodes[0].report(run["run"], 1, "failed", code="internal")
    assert expire_tasks() == 0
    Task.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert expire_tasks() == 1
    assert stored(run).status == "expired"


def test_a_run_whose_consent_ended_meanwhile_is_cancelled_instead(
    world: World, run: dict[str, Any]
) -> None:
    participation = world.collaboration.participations.get(organization=world.sites[0])
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )
    assert stored(run).status == "claimed"
    world.nodes[0].heartbeat([])
    ended = stored(run)
    assert ended.status == "cancelled"
    assert ended.history.latest("id").reason == "participation_ended"
    assert Task.objects.get(pk=ended.task_id).status == "finished"


def test_a_fault_that_no_attempt_can_mend_is_not_tried_again(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[0].report(run["run"], 1, "failed", code="internal", retry=False)
    assert (stored(run).status, stored(run).code) == ("failed", "internal")
