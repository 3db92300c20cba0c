"""Whose run is next: by age for one person, and fair between people."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.tasks.models import Run
from tests.worlds import World, add_node

pytestmark = pytest.mark.backends


def send(world: World, person: str, count: int, site: int = 0) -> list[int]:
    """The runs' ids, in the order of sending."""
    organizations = [world.sites[site].pk]
    tasks = [world.send(person, organizations=organizations) for _ in range(count)]
    return [task["runs"][0]["id"] for task in tasks]


def ids(runs: list[dict[str, Any]]) -> list[int]:
    return [run["run"] for run in runs]


def test_people_take_turns_and_each_ones_runs_go_by_age(world: World) -> None:
    many = send(world, "alice", 6)
    few = send(world, "dave", 2)
    given = ids(world.nodes[0].claimed(capacity=8))
    assert given == [many[0], few[0], many[1], few[1], *many[2:]]


def test_one_slot_after_the_other_gives_the_same_turns(world: World) -> None:
    many = send(world, "alice", 4)
    few = send(world, "dave", 2)
    given = [ids(world.nodes[0].claimed(capacity=1)) for _ in range(5)]
    assert given == [[many[0]], [few[0]], [many[1]], [few[1]], [many[2]]]


def test_who_has_more_under_way_waits_for_who_has_less(world: World) -> None:
    many = send(world, "alice", 5)
    node = world.nodes[0]
    begun = node.claimed(capacity=3)
    few = send(world, "dave", 4)
    assert ids(node.claimed(capacity=4)) == [*few[:3], many[3]]
    for run in begun:
        node.complete(run)
    # Alice has one under way now, and Dave has three.
    assert ids(node.claimed(capacity=1)) == [many[4]]


def test_what_another_node_of_the_organization_works_on_counts(world: World) -> None:
    many = send(world, "alice", 3)
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    second.claimed(capacity=2)
    few = send(world, "dave", 1)
    assert ids(world.nodes[0].claimed(capacity=2)) == [few[0], many[2]]


def test_what_runs_at_other_organizations_does_not_count(world: World) -> None:
    send(world, "alice", 3, site=1)
    world.nodes[1].claimed(capacity=3)
    first = send(world, "alice", 1)
    send(world, "dave", 1)
    assert ids(world.nodes[0].claimed(capacity=1)) == first


def test_a_run_that_waits_for_a_steward_keeps_nobody_back(world: World) -> None:
    resting = send(world, "alice", 3)
    node = world.nodes[0]
    node.claimed(capacity=3)
    for run in resting:
        node.report(run, 1, "awaiting_approval")
    first = send(world, "alice", 1)
    send(world, "dave", 1)
    assert ids(node.claimed(capacity=1)) == first


def test_a_long_queue_needs_no_more_queries_and_hides_nobody(world: World) -> None:
    send(world, "alice", 2)
    with CaptureQueriesContext(connection) as short:
        world.nodes[0].claimed(capacity=1)
    task = Run.objects.latest("pk").task
    again = [
        Run(
            task=task,
            organization=world.sites[0],
            input=task.inputs.get(),
            status_since=task.created_at,
            is_current=False,
        )
        for _ in range(150)
    ]
    Run.objects.bulk_create(again)
    few = send(world, "dave", 2)
    with CaptureQueriesContext(connection) as long:
        assert ids(world.nodes[0].claimed(capacity=1)) == few[:1]
    assert len(long) == len(short)
    world.nodes[0].claimed(capacity=50)
    held = Run.objects.held().values_list("task__initiator", flat=True)
    assert Counter(held)[world.people["dave"].pk] == 2


def test_what_the_node_is_pulling_is_passed_over_and_comes_later(world: World) -> None:
    oldest = send(world, "alice", 2)
    node = world.nodes[0]
    for image in (world.version.image, f"elsewhere.test/x@{world.version.digest}"):
        answer = node.claim(capacity=2, pulling=[image])
        assert (answer.status_code, answer.json()["runs"]) == (200, [])
    others = ["registry.test/summary@sha256:" + "0" * 64, "nonsense"]
    assert ids(node.claim(capacity=2, pulling=others).json()["runs"]) == oldest
