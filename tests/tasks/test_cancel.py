"""Cancelling is a request: at once where no node holds the run, else on its word."""

from typing import Any

import pytest

from apps.audit.actors import SYSTEM
from apps.nodes.services import revoke_node
from apps.organizations.services import end_membership
from apps.tasks.models import Run, Task
from tests.stored import acts, moves, nothing_stored
from tests.worlds import World

pytestmark = pytest.mark.backends


def cancel(world: World, task: dict[str, Any], person: str = "alice") -> Any:
    return world.person(person).post(f"/api/v1/tasks/{task['id']}/cancel/")


def test_what_no_node_holds_ends_at_once(world: World, task: dict[str, Any]) -> None:
    answer = cancel(world, task)
    assert answer.status_code == 200
    assert answer.json()["runs_by_status"] == {"cancelled": 3}
    assert answer.json()["status"] == "finished"
    assert acts("task.cancelled", object_id=task["id"]) == 1
    for run in task["runs"]:
        assert moves(run["id"]) == [("queued", "cancelled")]
    assert [node.claimed() for node in world.nodes] == [[], [], []]


def test_what_a_node_holds_ends_on_its_word(world: World, task: dict[str, Any]) -> None:
    node = world.nodes[0]
    (run,) = node.claimed()
    node.report(run["run"], 1, "preparing")
    answer = cancel(world, task).json()
    assert answer["runs_by_status"] == {"preparing": 1, "cancelled": 2}
    assert answer["status"] == "open"
    waiting = [r for r in answer["runs"] if r["cancel_requested"]]
    assert [r["id"] for r in waiting] == [run["run"]]
    assert node.report(run["run"], 1, "preparing").json()["stop"] is True
    ended = node.report(run["run"], 1, "cancelled")
    assert ended.json()["status"] == "cancelled"
    assert Task.objects.get().status == "finished"
    assert moves(run["run"])[-1] == ("preparing", "cancelled")


def test_the_nodes_word_may_be_repeated(world: World, task: dict[str, Any]) -> None:
    node = world.nodes[0]
    (run,) = node.claimed()
    cancel(world, task)
    node.report(run["run"], 1, "cancelled")
    with nothing_stored():
        assert node.report(run["run"], 1, "cancelled").status_code == 200


def test_while_the_site_is_offline_the_request_waits(
    world: World, task: dict[str, Any]
) -> None:
    node = world.nodes[0]
    (run,) = node.claimed()
    node.post("goodbye/")
    assert cancel(world, task).json()["status"] == "open"
    back = node.restarted()
    stop = back.hello(world.released(), [{"run": run["run"], "attempt": 1}])
    assert [s["reason"] for s in stop.json()["stop"]] == ["cancelled"]
    assert back.report(run["run"], 1, "cancelled").json()["status"] == "cancelled"


def test_a_result_that_was_finished_before_the_cancel_was_heard_is_refused(
    world: World, task: dict[str, Any]
) -> None:
    node = world.nodes[0]
    (run,) = node.claimed()
    location = node.announce(run, b"123456")["Location"]
    assert node.patch(location, b"123").status_code == 204
    cancel(world, task)
    for answer in (node.patch(location, b"456", 3), node.announce(run, b"123456")):
        assert (answer.status_code, answer.json()["code"]) == (409, "run_cancelled")
    assert not hasattr(Run.objects.get(pk=run["run"]), "result")
    assert node.report(run["run"], 1, "cancelled").status_code == 200


def test_nobody_asked_so_a_node_cannot_cancel(
    world: World, task: dict[str, Any]
) -> None:
    (run,) = world.nodes[0].claimed()
    with nothing_stored():
        answer = world.nodes[0].report(run["run"], 1, "cancelled")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_not_cancelled")


def test_a_run_with_a_cancel_waiting_is_not_queued_again(
    world: World, task: dict[str, Any]
) -> None:
    faulty, stopping, revoked = world.nodes
    runs = [node.claimed()[0]["run"] for node in world.nodes]
    cancel(world, task)
    faulty.report(runs[0], 1, "failed", code="internal")
    stopping.report(runs[1], 1, "queued", code="node_stopping")
    revoke_node(node=revoked.node, actor=SYSTEM)
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}
    assert Task.objects.get().status == "finished"


def test_an_own_failure_after_the_request_stays_a_failure(
    world: World, task: dict[str, Any]
) -> None:
    (run,) = world.nodes[0].claimed()
    cancel(world, task)
    world.nodes[0].report(run["run"], 1, "failed", code="exit_nonzero")
    assert Run.objects.get(pk=run["run"]).status == "failed"


def test_cancelling_twice_or_after_the_end_changes_nothing(
    world: World, task: dict[str, Any]
) -> None:
    (run,) = world.nodes[0].claimed()
    first = cancel(world, task).json()
    requested = Run.objects.get(pk=run["run"]).cancel_requested_at
    with nothing_stored():
        second = cancel(world, task)
    assert (second.status_code, second.json()) == (200, first)
    assert Run.objects.get(pk=run["run"]).cancel_requested_at == requested


def test_only_who_controls_the_task_may_cancel_it(
    world: World, rival: World, task: dict[str, Any]
) -> None:
    gone = world.person("alice").post(f"/api/v1/tasks/{10**9}/cancel/").content
    table = [
        (world, "bob", 403),
        (world, "carol", 403),
        (world, "dave", 403),  # another site: sees it because it ran there
        (world, "admin1", 403),
        (rival, "alice", 404),
        (rival, "admin0", 404),
    ]
    clients = [of.client(person) for of, person, _ in table]
    with nothing_stored():
        for client, (_, person, expected) in zip(clients, table, strict=True):
            answer = client.post(f"/api/v1/tasks/{task['id']}/cancel/")
            assert answer.status_code == expected, person
            if expected == 404:
                assert answer.content == gone
    assert cancel(world, task, "admin0").status_code == 200


def test_what_only_the_sender_saw_is_stopped_by_a_platform_admin(world: World) -> None:
    """Nobody else sees it, once the sender has left."""
    world.people["root"] = world.platform_admin
    world.collaboration.visibility = "initiator"
    world.collaboration.save()
    sent = world.send(organizations=[world.sites[1].pk])
    end_membership(membership=world.people["alice"].memberships.get(), actor=SYSTEM)
    for person in ("alice", "bob", "admin0"):
        assert cancel(world, sent, person).status_code == 404
    assert cancel(world, sent, "root").status_code == 200
    assert Run.objects.get().status == "cancelled"


def test_a_platform_admin_can_stop_any_task(world: World, task: dict[str, Any]) -> None:
    world.people["root"] = world.platform_admin
    assert cancel(world, task, "root").status_code == 200
    assert set(Run.objects.values_list("status", flat=True)) == {"cancelled"}
