"""Statements that are written once do what Django's own would do."""

from datetime import timedelta

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.nodes.models import Node
from apps.tasks.choices import RunStatus
from apps.tasks.models import Run, Task
from apps.writes import change
from tests.daemon import NodeClient
from tests.worlds import World

pytestmark = [pytest.mark.backends, pytest.mark.django_db]


@pytest.fixture
def runs(world: World) -> list[Run]:
    world.send()
    return list(Run.objects.order_by("id"))


def test_it_changes_what_is_as_it_was_said_and_nothing_else(runs: list[Run]) -> None:
    first, *others = runs
    now = timezone.now()
    values = {"status": RunStatus.CANCELLED, "finished_at": now}
    assert change(Run, {"id": first.pk, "status": RunStatus.QUEUED}, values) == 1
    assert change(Run, {"id": first.pk, "status": RunStatus.QUEUED}, values) == 0
    changed = Run.objects.get(pk=first.pk)
    assert (changed.status, changed.finished_at) == ("cancelled", now)
    first.status, first.finished_at = RunStatus.CANCELLED, now
    for before in (first, *others):
        after = Run.objects.get(pk=before.pk)
        for field in Run._meta.concrete_fields:
            assert getattr(after, field.attname) == getattr(before, field.attname)


def test_it_changes_as_many_as_there_are(runs: list[Run]) -> None:
    task = runs[0].task_id
    assert change(Run, {"task": task}, {"retries": 2}) == len(runs) > 1
    assert set(Run.objects.values_list("retries", flat=True)) == {2}


def test_nothing_is_a_value_on_either_side(node: NodeClient) -> None:
    now = timezone.now()
    heard = Node.objects.get(pk=node.node.pk)
    Node.objects.update(last_seen_at=None, left_at=now)
    assert change(Node, {"id": heard.pk, "last_seen_at": now}, {"left_at": None}) == 0
    told = {"last_seen_at": now, "left_at": None}
    assert change(Node, {"id": heard.pk, "last_seen_at": None}, told) == 1
    assert change(Node, {"id": heard.pk, "last_seen_at": None}, told) == 0
    heard.refresh_from_db()
    assert (heard.last_seen_at, heard.left_at) == (now, None)


def test_it_counts_in_the_database(runs: list[Run]) -> None:
    task = Task.objects.get()
    later = task.deadline_at + timedelta(days=1)
    for _ in range(2):
        change(Task, {"id": task.pk}, {"deadline_at": later}, count=["revision"])
    now = Task.objects.get()
    assert (now.revision, now.deadline_at) == (task.revision + 2, later)


def test_a_reference_may_be_named_by_its_field_or_its_column(
    runs: list[Run], node: NodeClient
) -> None:
    change(Run, {"id": runs[0].pk}, {"node": node.node.pk})
    assert Run.objects.get(pk=runs[0].pk).node_id == node.node.pk
    assert change(Run, {"node_id": node.node.pk}, {"node_id": None}) == 1


def test_the_rules_of_the_database_hold(runs: list[Run]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change(Run, {"id": runs[0].pk}, {"status": None})


@pytest.mark.parametrize("name", ["colour", "task__name", "id; DROP TABLE x", "events"])
def test_only_what_has_a_column_can_be_named(runs: list[Run], name: str) -> None:
    with pytest.raises((FieldDoesNotExist, TypeError)):
        change(Run, {name: 1}, {"retries": 1})
    with pytest.raises((FieldDoesNotExist, TypeError)):
        change(Run, {"id": 1}, {name: 1})
