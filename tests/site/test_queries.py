"""A page costs the same number of queries, however long the list is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM
from apps.collaborations.studies import create_study
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from ptm_site import api
from tests.worlds import MANIFEST, World, add_node, take_in

# What one page costs, the token's check (1) included.
LISTS = {
    "me/": 4,
    "tokens/": 2,
    "people/": 2,
    "organizations/": 2,
    "memberships/": 2,
    "collaborations/": 4,
    "participations/": 2,
    "studies/": 3,
    "nodes/": 4,
    "algorithms/": 3,
    "versions/": 2,
    "tasks/": 6,  # a page that is not full; a full one costs 3
    "runs/": 2,
    "results/": 2,
    "audit/": 2,
}
DETAILS = {
    "tokens/{}/": 2,
    "people/{}/": 2,
    "organizations/{}/": 2,
    "memberships/{}/": 2,
    "collaborations/{}/": 4,
    "participations/{}/": 2,
    "studies/{}/": 3,
    "nodes/{}/": 4,
    "algorithms/{}/": 3,
    "versions/{}/": 2,
    "tasks/{}/": 5,
    "runs/{}/": 3,
    "results/{}/": 2,
    "audit/{}/": 2,
}


def queries(client: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"/api/v1/{path}").status_code == 200, path
    return len(captured)


def reader(world: World, path: str) -> APIClient:
    return world.person("root" if path.startswith(("people/", "audit/")) else "alice")


def costs(world: World) -> tuple[dict[str, int], dict[str, int]]:
    """Of every list, and of the detail of its oldest row that the reader sees."""
    world.people["root"] = world.platform_admin
    for person in ("alice", "root"):
        queries(world.person(person), "me/")  # notes the use of the token
    lists = {path: queries(reader(world, path), path) for path in LISTS}
    details = {}
    for path in DETAILS:
        rows = reader(world, path).get(f"/api/v1/{path.partition('/')[0]}/").json()
        pk = rows["results"][-1]["id"]
        details[path] = queries(reader(world, path), path.format(pk))
    return lists, details


def study(world: World, name: str) -> None:
    create_study(
        collaboration=world.collaboration,
        name=name,
        organizations=world.sites,
        actor=SYSTEM,
    )


def grow(world: World) -> None:
    """More of everything that the lists show."""
    for _ in range(3):
        world.send()
    for node in world.nodes[:2]:
        for run in node.claimed():
            node.complete(run)
    add_node(world, world.sites[0], world.people["admin0"], hello=True)
    study(world, "Second")
    world.client("alice")
    for name in ("D", "E"):
        site = create_organization(name=f"Another {name}", actor=SYSTEM)
        take_in(world.collaboration, site)
        user = User.objects.create_user(f"another-{name}")
        grant_membership(
            user=user, organization=world.sites[0], role=Role.VIEWER, actor=SYSTEM
        )
        other = AlgorithmVersion.objects.create(
            algorithm=world.version.algorithm,
            digest=f"sha256:{name.lower() * 64}",
            contract="ptm",
            manifest=MANIFEST,
        )
        allow_version(version=other, collaboration=world.collaboration, actor=SYSTEM)


def test_no_list_or_detail_costs_more_queries_when_there_is_more(world: World) -> None:
    study(world, "First")
    world.send()
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    before = costs(world)
    grow(world)
    after = costs(world)
    assert before == after == (LISTS, DETAILS)


def test_every_list_of_the_api_is_here() -> None:
    lists = {
        str(pattern.pattern)
        for pattern in api.urlpatterns
        if isinstance(pattern, URLPattern) and (pattern.name or "").endswith("-list")
    }
    assert lists | {"me/"} == set(LISTS)
    assert {path.replace("{}/", "") for path in DETAILS} == lists


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
