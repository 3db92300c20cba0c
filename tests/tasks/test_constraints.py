"""Invariants hold in the database, whatever code forgets: each is tried by raw SQL."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from apps.accounts.models import AccessToken
from apps.algorithms.models import AlgorithmVersion, AllowedVersion
from apps.collaborations.models import Collaboration, Participation
from apps.nodes.models import DatabaseRelease, Enrolment, EnrolmentCode, Node
from apps.organizations.models import Membership, OrganizationGroup
from apps.results.models import Result, Upload
from apps.tasks.models import IdempotencyKey, LogChunk, Run, Task
from tests.worlds import World


@pytest.fixture
def busy(world: World) -> World:
    """A world with a finished run, a held one, logs, an upload, a result and a key."""
    headers = {"Idempotency-Key": "k"}
    body = world.task_body()
    world.person("alice").post("/api/v1/tasks/", body, headers=headers)
    (done,) = world.nodes[0].claimed()
    world.nodes[0].log(done, 0, b"line")
    world.nodes[0].complete(done)
    (held,) = world.nodes[1].claimed()
    world.nodes[1].announce(held, b"data")
    return world


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
UPDATES: list[tuple[type[Model], dict[str, Any]]] = [
    (Task, {"status": "paused"}),
    (Task, {"status": "finished"}),
    (Task, {"finished_at": LONG_AGO}),
    (Run, {"status": "lost"}),
    (Run, {"status": "claimed", "node": None}),
    (Run, {"status": "running", "claim": None, "finished_at": None}),
    (Run, {"status": "preparing", "attempt": 0, "finished_at": None}),
    (Run, {"status": "queued", "finished_at": LONG_AGO}),
    (Run, {"status": "failed", "finished_at": None}),
    (Membership, {"role": "owner"}),
    (Participation, {"status": "maybe"}),
    (Collaboration, {"visibility": "world"}),
    (Upload, {"offset": 10**6}),
    (Run, {"attempt": -1}),
    (Task, {"revision": -1}),
]


@pytest.mark.parametrize(("model", "change"), UPDATES, ids=str)
def test_an_impossible_state_cannot_be_stored(
    busy: World, model: type[Model], change: dict[str, Any]
) -> None:
    rows = model._default_manager.all()
    assert rows.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**change)


TWICE: list[type[Model]] = [
    AccessToken,
    AllowedVersion,
    AlgorithmVersion,
    Collaboration,
    DatabaseRelease,
    Enrolment,
    EnrolmentCode,
    IdempotencyKey,
    LogChunk,
    Membership,
    Node,
    OrganizationGroup,
    Participation,
    Result,
    Run,
    Upload,
]


@pytest.mark.parametrize("model", TWICE)
def test_what_exists_once_cannot_be_stored_twice(
    busy: World, model: type[Model]
) -> None:
    row: Any = model._default_manager.first()
    row.pk = None
    row._state.adding = True
    if model is AccessToken:
        row.digest = "another"
    if model is Upload:
        row.uuid = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_an_organization_has_one_current_run_of_a_task(busy: World) -> None:
    first: Any = Run.objects.filter(status="completed").get()
    again = Run.objects.create(
        task=first.task,
        organization=first.organization,
        input=first.input,
        status_since=timezone.now(),
        is_current=False,
        supersedes=first,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=again.pk).update(is_current=True)


def test_a_subtask_key_counts_once_for_its_parent(busy: World) -> None:
    run = Run.objects.filter(status="completed").get()
    task: Any = Task.objects.get()
    task.pk, task.parent_run, task.subtask_key = None, run, "round-1"
    task._state.adding = True
    task.save()
    task.pk, task._state.adding = None, True
    with pytest.raises(IntegrityError), transaction.atomic():
        task.save(force_insert=True)


def test_what_others_need_cannot_be_deleted(busy: World) -> None:
    from django.db.models import ProtectedError

    for row in (
        busy.collaboration,
        busy.sites[0],
        busy.people["alice"],
        busy.version,
        busy.nodes[0].node,
    ):
        with pytest.raises(ProtectedError):
            row.delete()
