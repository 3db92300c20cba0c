"""A newer server takes over the database of an older one, with everything under way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from apps.nodes.models import Node
from apps.tasks.choices import HELD, TERMINAL, RunStatus
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.sweeps import expire_tasks
from ptm_site.schema_version import NEWER, OLDER, why_not_served
from tests.daemon import NodeClient, holding
from tests.live import running_server
from tests.stored import moves, states
from tests.worlds import World
from tools.rig.errors import RigError

# What the last migrations added is not there yet.
OLDER_SCHEMA = {"tasks": "0004", "nodes": "0003"}
S = RunStatus
# What a node tells of a run that it has claimed, to bring it there.
TOLD: dict[RunStatus, list[tuple[str, dict[str, str]]]] = {
    S.CLAIMED: [],
    S.AWAITING_APPROVAL: [("awaiting_approval", {})],
    S.PREPARING: [("preparing", {})],
    S.RUNNING: [("running", {})],
    S.AWAITING_RELEASE: [("awaiting_release", {})],
    S.COMPLETED: [],
    S.FAILED: [("failed", {"code": "exit_nonzero"})],
    S.REJECTED: [("rejected", {"code": "policy_refused"})],
    S.WITHHELD: [("running", {}), ("withheld", {})],
}

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]


def migrate(**targets: str) -> None:
    for app, name in targets.items():
        call_command("migrate", app, name, verbosity=0)


@pytest.fixture
def newest() -> Iterator[None]:
    """Whatever a test does: the next one finds the schema that it expects."""
    yield
    call_command("migrate", verbosity=0)


@pytest.fixture
def under_way(world: World) -> dict[RunStatus, dict[str, Any]]:
    """A run of the first site in every state, by the assignment that its node has."""
    node, sites = world.nodes[0], [world.sites[0].pk]
    runs: dict[RunStatus, dict[str, Any]] = {}
    for state, told in TOLD.items():
        world.send(organizations=sites)
        (run,) = node.claimed()
        for word, fields in told:
            answer = node.report(run["run"], 1, word, **fields)
            assert answer.status_code == 200
        runs[state] = run
    node.complete(runs[S.COMPLETED])
    late = world.send(organizations=sites)
    Task.objects.filter(pk=late["id"]).update(deadline_at=timezone.now())
    expire_tasks()
    dropped = world.send(organizations=sites)
    world.person("alice").post(f"/api/v1/tasks/{dropped['id']}/cancel/")
    queued = world.send(organizations=sites)
    for state, task in ((S.EXPIRED, late), (S.CANCELLED, dropped), (S.QUEUED, queued)):
        runs[state] = {"run": task["runs"][0]["id"], "attempt": 0}
    found = {run: Run.objects.get(pk=runs[run]["run"]).status for run in runs}
    assert found == {state: state for state in RunStatus}
    return runs


def finish(node: NodeClient, run: dict[str, Any]) -> None:
    assert node.report(run["run"], run["attempt"], "running").status_code == 200
    assert node.upload(run, b'{"n": 1}').status_code == 204


def test_runs_in_every_state_go_on_after_a_migration(
    world: World, under_way: dict[RunStatus, dict[str, Any]], newest: None
) -> None:
    node = world.nodes[0]
    before, history = states(), RunEvent.objects.count()
    migrate(**OLDER_SCHEMA)
    assert why_not_served() == OLDER
    call_command("migrate", verbosity=0)
    assert why_not_served() == ""
    assert (states(), RunEvent.objects.count()) == (before, history)

    # What the node was given before, it holds; nobody takes it for lost, or for over.
    held = [holding(under_way[state]) for state in sorted(HELD)]
    assert node.heartbeat(held).json() == {
        "stop": [],
        "work": True,
        "last_claim": node.last_claim,
    }
    (fresh,) = node.claimed()
    assert fresh["run"] == under_way[S.QUEUED]["run"]
    for state in HELD:
        finish(node, under_way[state])
    finish(node, fresh)
    ended = dict(Run.objects.values_list("pk", "status"))
    for state, run in under_way.items():
        assert ended[run["run"]] == (state if state in TERMINAL else S.COMPLETED)
        assert [new for _, new in moves(run["run"])].count(ended[run["run"]]) == 1
    assert not Task.objects.exclude(status="finished").exists()


def test_what_an_older_server_was_told_is_as_good_to_the_newer(
    world: World, newest: None
) -> None:
    """Its nodes say no hello again: they do not know that there was a migration."""
    migrate(**OLDER_SCHEMA)
    call_command("migrate", verbosity=0)
    node = Node.objects.get(pk=world.nodes[0].node.pk)
    assert (node.policy, node.audit_heads) == (None, [])
    task = world.send()
    for each in world.nodes:
        (run,) = each.claimed()
        finish(each, run)
    finished = world.person("alice").get(f"/api/v1/tasks/{task['id']}/").json()
    assert finished["status"] == "finished"


def refuses_to_start(data_folder: Path, sentence: str) -> None:
    assert why_not_served() == sentence
    with pytest.raises(RigError, match=sentence), running_server(data_folder):
        pass
    with pytest.raises(CommandError, match=sentence):
        call_command("worker", "--once")


def test_a_server_on_an_older_database_says_so_and_does_not_start(
    world: World, newest: None, data_folder: Path
) -> None:
    migrate(tasks="0004")
    refuses_to_start(data_folder, OLDER)


def test_a_server_on_a_newer_database_says_so_and_does_not_start(
    world: World, data_folder: Path
) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("nodes", "9999_to_come")
    try:
        refuses_to_start(data_folder, NEWER)
    finally:
        recorder.record_unapplied("nodes", "9999_to_come")
