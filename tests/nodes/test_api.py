"""Letting nodes in and shutting them out, by the API."""

import pytest

from apps.nodes.models import EnrolmentCode, Node
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.worlds import World


def codes(pk: int) -> str:
    return f"{API}/organizations/{pk}/enrolment-codes/"


def test_its_own_admin_lets_a_node_in(world: World) -> None:
    made = script(world, "admin0").post(codes(world.sites[0].pk))
    assert made.status_code == 201
    key = EnrolmentCode.objects.order_by("pk").last()
    assert key is not None
    assert made.json()["code"].startswith(f"ptme_{key.prefix}_")
    assert key.organization == world.sites[0]


@pytest.mark.parametrize("person", ["root", "manager", "admin1", "alice", "carol"])
def test_nobody_stands_in_for_a_hospital(world: World, person: str) -> None:
    before = EnrolmentCode.objects.count()
    answer = script(world, person).post(codes(world.sites[0].pk))
    assert refused(answer) == DENIED
    assert EnrolmentCode.objects.count() == before


def test_a_foreign_organization_is_as_a_missing_one(world: World, rival: World) -> None:
    client = script(world, "admin0")
    foreign, missing = (client.post(codes(pk)) for pk in (rival.sites[0].pk, 10**9))
    assert refused(foreign) == MISSING
    assert foreign.content == missing.content


def test_its_own_admin_shuts_a_node_out(world: World) -> None:
    node = world.nodes[0]
    where = f"{API}/nodes/{node.node.pk}/revoke/"
    for person in ("alice", "carol", "admin1", "manager"):
        assert refused(script(world, person).post(where)) == DENIED
    assert node.heartbeat([]).status_code == 200
    assert script(world, "admin0").post(where).json()["revoked_at"]
    assert node.heartbeat([]).status_code == 401


def test_its_own_admin_waits_for_a_node_no_longer(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (run,) = node.claimed()
    where = f"{API}/nodes/{node.node.pk}/give-back/"
    for person in ("alice", "carol", "admin1", "manager"):
        assert refused(script(world, person).post(where)) == DENIED
    assert node.node.runs.get().status == "claimed"
    answer = script(world, "admin0").post(where)
    assert (answer.status_code, answer.json()["revoked_at"]) == (200, None)
    assert [each["attempt"] for each in node.claimed()] == [run["attempt"] + 1]


def test_a_foreign_node_stays_in(world: World, rival: World) -> None:
    client = script(world, "admin0")
    foreign, missing = (
        client.post(f"{API}/nodes/{pk}/revoke/")
        for pk in (rival.nodes[0].node.pk, 10**9)
    )
    assert refused(foreign) == MISSING
    assert foreign.content == missing.content
    assert Node.objects.get(pk=rival.nodes[0].node.pk).revoked_at is None
