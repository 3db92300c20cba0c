"""A page costs the same number of queries, however long the list is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.actors import SYSTEM
from apps.organizations.services import create_organization
from tests.worlds import World, add_node, take_in

LISTS = [
    "me/",
    "organizations/",
    "collaborations/",
    "nodes/",
    "algorithms/",
    "tasks/",
    "runs/",
    "results/",
]


def queries(world: World, path: str) -> int:
    client = world.person("alice")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(f"/api/v1/{path}").status_code == 200
    return len(captured)


def grow(world: World) -> None:
    """More of everything that the lists show."""
    for _ in range(3):
        world.send()
    for node in world.nodes[:2]:
        for run in node.claimed():
            node.complete(run)
    add_node(world, world.sites[0], world.people["admin0"], hello=True)
    for name in ("D", "E"):
        site = create_organization(name=f"Another {name}", actor=SYSTEM)
        take_in(world.collaboration, site)


def test_no_list_costs_more_queries_when_it_grows(world: World) -> None:
    first = world.send()
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    paths = [*LISTS, f"tasks/{first['id']}/"]
    before = {path: queries(world, path) for path in paths}
    grow(world)
    assert {path: queries(world, path) for path in paths} == before
    assert max(before.values()) <= 12


def test_a_claim_costs_the_same_however_long_the_queue_is(world: World) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(world.nodes[0].claimed(capacity=1)) == 1
        return len(captured)

    world.send()
    short = cost()
    for _ in range(12):
        world.send()
    assert cost() == short


def test_a_list_is_read_page_by_page_without_gap_or_overlap(world: World) -> None:
    sent = [world.send()["id"] for _ in range(7)]
    alice = world.person("alice")
    found: list[int] = []
    url = "/api/v1/tasks/?page_size=3"
    while url:
        page = alice.get(url).json()
        found += [row["id"] for row in page["results"]]
        url = page["next"]
    assert found == sent[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=garbage",
        "cursor=cD1hYmM%3D",  # p=abc: a position that is no id
        "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk%3D",  # a position beyond ids
        "cursor=%00",
        "cursor=bz0tMQ%3D%3D",
        "page_size=0",
        "page_size=-1",
        "page_size=x",
        "page_size=99999999999",
        "status=lost",
        "status=",
        "collaboration=x",
        "collaboration=1e999",
        "collaboration=99999999999999999999999",
        "collaboration=NaN",
        "collaboration=1.5",
        "name=%00",
        "name=%ED%A0%80",
        "initiator=%C2%B2",
        "unknown=1",
    ],
)
@pytest.mark.parametrize("path", ["tasks", "runs", "results"])
def test_no_query_is_our_fault(world: World, path: str, query: str) -> None:
    world.send()
    answer = world.person("alice").get(f"/api/v1/{path}/?{query}")
    assert answer.status_code in (200, 400, 404, 422)
    assert "results" in answer.json() or answer.json()["code"]
