"""The API's list of tasks: exact wherever it looks, and at a fixed price."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.fields import SerializerMethodField
from rest_framework.renderers import JSONRenderer

from apps.collaborations.choices import Visibility
from apps.tasks import newest
from apps.tasks.models import Run, Task
from apps.tasks.selectors import run_counts
from apps.tasks.serializers import (
    RunDetailSerializer,
    TaskDetailSerializer,
    TaskSerializer,
)
from apps.tasks.task_rows import SHOWN, row_of
from tests.tasks.test_task_list_page import add_tasks
from tests.worlds import World

pytestmark = pytest.mark.backends


def ids(
    world: World, query: str = "", person: str = "alice", size: int = 2
) -> list[int]:
    """Every task of the list, page by page."""
    found: list[int] = []
    url: str | None = f"/api/v1/tasks/?page_size={size}&{query}"
    while url:
        answer = world.person(person).get(url)
        assert answer.status_code == 200, answer.content
        found += [row["id"] for row in answer.json()["results"]]
        url = answer.json()["next"]
    return found


def backwards(world: World, person: str, size: int) -> list[int]:
    """The same list, from its last page up to the first."""
    client = world.person(person)
    url = f"/api/v1/tasks/?page_size={size}&cursor=cj0x"
    found: list[int] = []
    while url:
        page = client.get(url).json()
        found = [row["id"] for row in page["results"]] + found
        url = page["previous"]
    return found


def mixed_tasks(world: World) -> None:
    """Tasks of every visibility, seen for every reason, between those of others."""
    for visibility in Visibility.values:
        for sites in ((0,), (1,), (0, 1), (2,)):
            add_tasks(world, 1, sites, visibility=visibility)
        add_tasks(
            world,
            2,
            visibility=visibility,
            initiator=world.people["dave"],
            organization=world.sites[1],
        )


# Small pages where a page can end within what is near, and lie beyond it.
@pytest.mark.parametrize(("near", "size"), [(0, 6), (3, 2), (1000, 6)])
def test_the_list_is_exact_wherever_it_finds_its_pages(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch, near: int, size: int
) -> None:
    monkeypatch.setattr(newest, "NEAR", near)
    # What is written for one NEAR is not asked with another.
    monkeypatch.setattr("apps.tasks.task_rows._near.rows", fresh_rows())
    for each in (world, rival, world):
        mixed_tasks(each)
    for each in (world, rival):
        each.people["root"] = each.platform_admin
        for person in ("alice", "carol", "dave", "admin2", "root"):
            expected = Task.objects.visible_to(each.people[person]).order_by("-pk")
            seen = list(expected.values_list("pk", flat=True))
            assert seen
            assert ids(each, person=person, size=size) == seen, person
            assert backwards(each, person, size) == seen, person


def fresh_rows() -> Any:
    from apps.prepared import Prepared
    from apps.tasks.task_rows import _build_near

    return Prepared(_build_near).rows


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ("status=finished", {"status": "finished"}),
        ("status=open", {"status": "open"}),
        ("name=BULK 1", {"name__icontains": "bulk 1"}),
        ("name=nowhere", {"name": "nowhere"}),
        ("collaboration={0}", "collaboration"),
        ("organization={1}", "organization"),
        ("initiator={2}&status=finished", "initiator"),
        ("collaboration=0", {"collaboration": 0}),
    ],
)
@pytest.mark.parametrize("near", [2, 1000])
def test_a_filter_leaves_exactly_what_it_names(
    world: World,
    rival: World,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    conditions: Any,
    near: int,
) -> None:
    monkeypatch.setattr(newest, "NEAR", near)
    mixed_tasks(world)
    mixed_tasks(rival)
    world.send()
    named = {
        "collaboration": world.collaboration.pk,
        "organization": world.sites[1].pk,
        "initiator": world.people["dave"].pk,
    }
    if isinstance(conditions, str):
        conditions = {conditions: named[conditions]}
    for person in ("alice", "carol", "dave"):
        visible = Task.objects.visible_to(world.people[person]).filter(**conditions)
        expected = list(visible.order_by("-pk").values_list("pk", flat=True))
        assert ids(world, query.format(*named.values()), person) == expected


def test_what_is_written_out_is_what_the_fields_say(world: World) -> None:
    """The serializers describe the API; their rows are made by hand."""
    world.send()
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    task = Task.objects.get()
    row: Any = Task.objects.values(*SHOWN).get()
    assert row == row_of(task)
    context = {"run_counts": run_counts([task.pk]), "runs": Run.objects.all()}
    described: tuple[tuple[Any, Any, Any], ...] = (
        (TaskSerializer, row, task),
        (TaskDetailSerializer, row, task),
        *((RunDetailSerializer, run, run) for run in Run.objects.all()),
    )
    for serializer, given, thing in described:
        made = serializer(given, context=context)
        assert tuple(made.data) == serializer.Meta.fields
        for name, field in made.fields.items():
            if isinstance(field, SerializerMethodField):
                continue
            value = field.get_attribute(thing)
            said = None if value is None else field.to_representation(value)
            assert as_json(made.data[name]) == as_json(said), name


def as_json(value: Any) -> bytes:
    return bytes(JSONRenderer().render(value))


def test_a_page_of_tasks_costs_three_queries(world: World) -> None:
    alice = world.person("alice")
    add_tasks(world, 30)
    alice.get("/api/v1/tasks/")
    with CaptureQueriesContext(connection) as captured:
        assert len(alice.get("/api/v1/tasks/").json()["results"]) == 25
    assert len(captured) == 3


def test_who_sees_few_tasks_pays_three_more(world: World) -> None:
    dave = world.person("dave")
    add_tasks(world, 30)
    add_tasks(world, 2, (1,))
    dave.get("/api/v1/tasks/")
    with CaptureQueriesContext(connection) as captured:
        assert len(dave.get("/api/v1/tasks/").json()["results"]) == 2
    assert len(captured) == 6
