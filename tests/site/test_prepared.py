"""A query that is written once gives what Django's own gives, whatever is asked."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, QuerySet, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.prepared import Prepared
from apps.tasks.models import Run, Task
from tests.tasks.test_task_list_page import add_tasks
from tests.worlds import World

pytestmark = pytest.mark.backends
FIELDS = ("id", "databases", "created_at", "organization__name")


def test_values_go_where_the_builder_put_them(world: World) -> None:
    written: list[Any] = []

    def build(limit: int, *, low: int, site: int) -> QuerySet[Any, Any]:
        written.append(limit)
        tasks = Task.objects.filter(organization=site, pk__gt=Value(low) - 1)
        return tasks.order_by("pk")[:limit].values(*FIELDS)

    prepared = Prepared(build)
    pks = sorted(add_tasks(world, 5, databases=[{"label": "default"}]))
    add_tasks(world, 1, organization=world.sites[1])
    for low in pks:
        for limit in (1, 3):
            own = Task.objects.filter(organization=world.sites[0], pk__gte=low)
            expected = list(own.order_by("pk").values(*FIELDS)[:limit])
            site = world.sites[0].pk
            assert prepared.rows(limit, low=low, site=site) == expected
    assert prepared.rows(1, low=pks[-1] + 1, site=world.sites[0].pk) == []
    assert written == [1, 1, 3, 3]  # twice, to see that it stays the same


def test_a_name_more_is_another_query(world: World) -> None:
    def build(**tasks: int) -> QuerySet[Any, Any]:
        runs = Run.objects.filter(task__in=tasks.values()).order_by("task")
        counted: QuerySet[Any, Any] = runs.values("task").annotate(n=Count("pk"))
        return counted

    prepared = Prepared(build)
    first, second = sorted(add_tasks(world, 2, (0, 1)))
    assert prepared.rows(a=first) == [{"task": first, "n": 2}]
    both = [{"task": first, "n": 2}, {"task": second, "n": 2}]
    assert prepared.rows(a=first, b=second) == both
    assert prepared.rows(a=second) == [{"task": second, "n": 2}]


def test_a_value_may_be_a_text(world: World) -> None:
    def build(*, site: int, name: str) -> QuerySet[Any, Any]:
        return Task.objects.filter(organization=site, name=name).values("name")

    prepared = Prepared(build)
    add_tasks(world, 2)
    site = world.sites[0].pk
    for name in ("Bulk 0", "Bulk 1"):
        assert prepared.rows(site=site, name=name) == [{"name": name}]
    assert prepared.rows(site=site, name="Bulk' OR ''='") == []


def test_it_asks_once(world: World) -> None:
    prepared = Prepared(lambda *, task: Task.objects.filter(pk=task).values("name"))
    (pk,) = add_tasks(world, 1)
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert prepared.rows(task=pk) == [{"name": "Bulk 0"}]
        assert len(captured) == 1


def test_objects_are_like_those_of_the_queryset(world: World) -> None:
    prepared = Prepared(lambda *, task: Task.objects.filter(pk=task))
    (pk,) = add_tasks(world, 1, databases=[{"label": "default"}])
    (made,) = prepared.objects(task=pk)
    read = Task.objects.get(pk=pk)
    assert made == read
    assert {**vars(made), "_state": 0} == {**vars(read), "_state": 0}
    assert not made._state.adding
    made.name = "Another name"
    made.save()
    assert Task.objects.get(pk=pk).name == "Another name"


def test_objects_bring_what_belongs_to_them(world: World) -> None:
    prepared = Prepared(
        lambda *, task: Run.objects.filter(task=task).select_related(
            "organization", "task__version__algorithm", "node"
        )
    )
    (pk,) = add_tasks(world, 1)
    (made,) = prepared.objects(task=pk)
    with CaptureQueriesContext(connection) as captured:
        brought = (made.organization, made.task.version.algorithm, made.node)
    assert len(captured) == 0
    read = Run.objects.get(task=pk)
    assert made == read
    assert brought == (read.organization, read.task.version.algorithm, read.node)


def test_what_can_never_be_found_is_not_asked_for(world: World) -> None:
    prepared = Prepared(lambda *, task: Task.objects.filter(pk=task).none())
    with CaptureQueriesContext(connection) as captured:
        assert prepared.rows(task=1) == prepared.objects(task=1) == []
    assert len(captured) == 0


def test_a_time_is_not_kept_for_ever(world: World) -> None:
    prepared = Prepared(lambda: Task.objects.filter(deadline_at__lt=timezone.now()))
    with pytest.raises(TypeError, match="would stay what it is"):
        prepared.rows()
