"""The one clock: deadlines, and sweeps that can be repeated and do not hurt others."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM, Actor
from apps.audit.chain import chain_events
from apps.nodes.services import give_back_runs, revoke_node
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.sweeps import expire_tasks
from ptm_site import worker
from tests.daemon import holding
from tests.stored import acts, moves, nothing_stored
from tests.worlds import World, add_node

pytestmark = pytest.mark.backends


def overdue() -> None:
    Task.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))


def test_a_deadline_ends_what_nobody_ends(world: World) -> None:
    task = world.send()
    (held,) = world.nodes[0].claimed()
    (done,) = world.nodes[1].claimed()
    world.nodes[1].complete(done)
    assert expire_tasks() == 0
    overdue()
    assert expire_tasks() == 2
    states = dict(Run.objects.values_list("organization", "status"))
    a, b, c = (site.pk for site in world.sites)
    assert states == {a: "expired", b: "completed", c: "expired"}
    stored = Task.objects.get(pk=task["id"])
    assert (stored.status, stored.finished_at is not None) == ("finished", True)
    assert moves(held["run"])[-1] == ("claimed", "expired")
    last = RunEvent.objects.filter(new="expired").first()
    assert last is not None
    assert (last.reason, last.actor_kind, last.actor_id) == ("deadline", "system", None)
    with nothing_stored():
        assert expire_tasks() == 0


def test_the_node_is_told_to_drop_an_expired_run(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (run,) = node.claimed()
    overdue()
    expire_tasks()
    stop = node.heartbeat([holding(run)]).json()["stop"]
    assert stop == [{**holding(run), "reason": "expired"}]
    late = node.announce(run, b"too late")
    assert (late.status_code, late.json()["code"]) == (409, "run_terminal")


def test_an_expired_run_can_be_run_again(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    overdue()
    expire_tasks()
    run = Run.objects.get().pk
    answer = world.person("alice").post(f"/api/v1/runs/{run}/again/")
    assert answer.status_code == 201
    assert expire_tasks() == 0


def test_the_worker_runs_every_sweep_and_one_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    ran: list[str] = []

    def failing() -> int:
        ran.append("failing")
        raise RuntimeError("a bug in a sweep")

    def working() -> int:
        ran.append("working")
        return 1

    monkeypatch.setattr(worker, "SWEEPS", {"a": failing, "b": working})
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    worker.sweep_all()
    assert ran == ["failing", "working"]


def test_every_sweep_can_run_on_an_empty_and_on_a_full_database(
    world: World,
) -> None:
    task = world.send()
    (run,) = world.nodes[0].claimed()
    chain_events()  # what the world has recorded waits for it
    with nothing_stored():
        assert [sweep() for sweep in worker.SWEEPS.values()] == [0] * len(worker.SWEEPS)
    assert task["id"] == run["task"]["id"]


@pytest.fixture
def held(world: World) -> dict[str, Any]:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    return run


def test_what_a_revoked_node_held_goes_to_another(
    world: World, held: dict[str, Any]
) -> None:
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    assert moves(held["run"])[-1] == ("claimed", "queued")
    (taken,) = second.claimed()
    assert (taken["run"], taken["attempt"]) == (held["run"], 2)
    assert acts("node.revoked", object_id=world.nodes[0].node.pk) == 1


def test_what_a_node_held_that_is_not_waited_for_goes_to_another(
    world: World, held: dict[str, Any]
) -> None:
    first = world.nodes[0]
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    admin = Actor.user(world.people["admin0"].pk)
    give_back_runs(node=first.node, actor=admin)
    event = RunEvent.objects.filter(run=held["run"]).latest("pk")
    assert (event.old, event.new, event.reason) == (
        "claimed",
        "queued",
        "node_given_up",
    )
    assert (event.actor_kind, event.actor_id) == (admin.kind, admin.id)
    (taken,) = second.claimed()
    assert (taken["run"], taken["attempt"]) == (held["run"], 2)
    done = acts("node.runs_given_back", object_id=first.node.pk, actor_id=admin.id)
    assert done == 1
    # Its key is good: it hears what to end, and nothing that it made is taken.
    (stop,) = first.heartbeat([holding(held)]).json()["stop"]
    assert (stop["run"], stop["reason"]) == (held["run"], "superseded")
    late = first.announce(held, b"late")
    assert (late.status_code, late.json()["code"]) == (409, "attempt_stale")
    second.complete(taken)
    assert Run.objects.get(pk=held["run"]).status == "completed"


def test_revoking_twice_is_one_act(world: World, held: dict[str, Any]) -> None:
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    with nothing_stored():
        revoke_node(node=world.nodes[0].node, actor=SYSTEM)


def test_a_revoked_node_leaves_what_it_finished(world: World, held: Any) -> None:
    world.nodes[0].complete(held)
    with_history = moves(held["run"])
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    assert Run.objects.get(pk=held["run"]).status == "completed"
    assert moves(held["run"]) == with_history


def test_history_has_one_row_for_each_move(world: World, held: dict[str, Any]) -> None:
    node = world.nodes[0]
    for word in ("preparing", "preparing", "running", "preparing", "running"):
        node.report(held["run"], 1, word)
    node.report(held["run"], 1, "failed", code="internal")
    Run.objects.update(not_before=None)
    (again,) = node.claimed()
    node.complete(again)
    path = f"/api/v1/runs/{held['run']}/"
    history = world.person("alice").get(path).json()["history"]
    assert [(row["old"], row["new"], row["attempt"]) for row in history] == [
        ("queued", "claimed", 1),
        ("claimed", "preparing", 1),
        ("preparing", "running", 1),
        ("running", "queued", 1),
        ("queued", "claimed", 2),
        ("claimed", "preparing", 2),
        ("preparing", "running", 2),
        ("running", "completed", 2),
    ]
    assert {row["actor_id"] for row in history} == {node.node.pk}
    pairs = moves(held["run"])
    assert all(new == old for (_, new), (old, _) in zip(pairs, pairs[1:], strict=False))
