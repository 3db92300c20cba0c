"""Claim: which runs a node is given, in which order, and what a repeat gives."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.models import Participation
from apps.nodes.models import Node
from apps.tasks.dispatch import claim_runs
from apps.tasks.models import Run
from tests.daemon import holding
from tests.stored import moves, nothing_stored
from tests.worlds import World, add_node

pytestmark = pytest.mark.backends


def runs_of(world: World, count: int, site: int = 0) -> list[int]:
    """Send tasks to one site only; the runs' ids in the order of sending."""
    tasks = [world.send(organizations=[world.sites[site].pk]) for _ in range(count)]
    return [task["runs"][0]["id"] for task in tasks]


def ids(runs: list[dict[str, Any]]) -> list[int]:
    return [run["run"] for run in runs]


def test_an_assignment_has_all_that_a_node_needs(world: World) -> None:
    task = world.send()
    (run,) = world.nodes[0].claimed()
    call = {"method": "summary", "args": [], "kwargs": {"columns": ["age"]}}
    data = base64.b64decode(run.pop("input"))
    assert json.loads(data) == call
    assert run == {
        "run": task["runs"][0]["id"],
        "attempt": 1,
        "task": {
            "id": task["id"],
            "name": "Summary of age",
            "purpose": "to test",
            "collaboration": {
                "id": world.collaboration.pk,
                "name": world.collaboration.name,
            },
            "organization": {"id": world.sites[0].pk, "name": world.sites[0].name},
            "initiator": {
                "id": world.people["alice"].pk,
                "username": world.people["alice"].username,
            },
        },
        "image": world.version.image,
        "contract": "ptm",
        "function": "summary",
        "function_type": "partial",
        "databases": [{"label": "default"}],
        "input_sha256": hashlib.sha256(data).hexdigest(),
        "deadline_at": run["deadline_at"],
    }
    stored = Run.objects.get(pk=run["run"])
    assert (stored.status, stored.node_id, stored.claim, stored.attempt) == (
        "claimed",
        world.nodes[0].node.pk,
        1,
        1,
    )
    assert moves(run["run"]) == [("queued", "claimed")]


def test_the_oldest_runs_come_first_and_no_more_than_the_capacity(
    world: World,
) -> None:
    first, second, third = runs_of(world, 3)
    node = world.nodes[0]
    assert ids(node.claimed(capacity=2)) == [first, second]
    assert ids(node.claimed(capacity=2)) == [third]
    assert ids(node.claimed(capacity=2)) == []


def test_a_repeated_claim_returns_the_same_runs_and_no_more(world: World) -> None:
    runs_of(world, 3)
    node = world.nodes[0]
    first = node.claim(capacity=2, number=1).json()
    with nothing_stored():
        again = node.claim(capacity=2, number=1).json()
        with_more_room = node.claim(capacity=10, number=1).json()
    assert first == again == with_more_room


def test_a_repeat_gives_nothing_that_another_node_claimed_by_that_number(
    world: World,
) -> None:
    world.send()
    first, others = world.nodes[0].claimed(), world.nodes[1].claimed()
    assert len(others) == 1
    again = world.nodes[0].claim(number=1).json()["runs"]
    assert ids(again) == ids(first)


def test_a_repeat_gives_nothing_new_when_all_its_runs_moved_on(world: World) -> None:
    """A late copy of a claim must not assign runs that the node never hears of."""
    runs_of(world, 2)
    node = world.nodes[0]
    (run,) = node.claimed(capacity=1)
    node.report(run["run"], 1, "queued", code="node_stopping")
    with nothing_stored():
        assert node.claim(capacity=1, number=1).json()["runs"] == []


def test_a_repeat_that_overtakes_its_first_copy_assigns_once(world: World) -> None:
    runs_of(world, 2)
    node = world.nodes[0]
    # As a second request that authenticated before the first one committed.
    early = Node.objects.select_related("organization").get(pk=node.node.pk)
    (first,) = node.claimed(capacity=1)
    again = claim_runs(node=early, claim=1, capacity=1)
    assert [run.pk for run in again] == [first["run"]]
    assert Run.objects.filter(status="claimed").count() == 1


def test_a_node_that_is_revoked_while_it_asks_is_given_nothing(world: World) -> None:
    runs_of(world, 1)
    # As a request that authenticated before the revocation committed.
    early = Node.objects.select_related("organization").get(pk=world.nodes[0].node.pk)
    Node.objects.filter(pk=early.pk).update(revoked_at=timezone.now())
    assert claim_runs(node=early, claim=1, capacity=1) == []
    assert not Run.objects.filter(status="claimed").exists()


def test_a_number_below_the_last_is_stale(world: World) -> None:
    runs_of(world, 2)
    node = world.nodes[0]
    node.claim(capacity=1, number=7)
    with nothing_stored():
        answer = node.claim(capacity=1, number=6)
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["last_claim"]) == ("claim_stale", 7)


def test_capacity_zero_asks_for_stops_only(world: World) -> None:
    (run,) = runs_of(world, 1)
    node = world.nodes[0]
    with nothing_stored():
        assert node.claim(capacity=0).json() == {"claim": 1, "runs": [], "stop": []}
    (held,) = node.claimed()
    world.person("alice").post(f"/api/v1/tasks/{held['task']['id']}/cancel/")
    stop = [{"run": run, "attempt": 1, "reason": "cancelled"}]
    node.last_claim = 5
    answer = node.claim(capacity=0, held=[holding(held)])
    assert (answer.json()["runs"], answer.json()["stop"]) == ([], stop)


def test_an_idle_claim_writes_nothing(world: World) -> None:
    with nothing_stored():
        assert world.nodes[0].claimed() == []
    assert Node.objects.get(pk=world.nodes[0].node.pk).last_claim == 0


def test_a_stop_that_the_node_knows_is_not_said_again(world: World) -> None:
    runs_of(world, 1)
    node = world.nodes[0]
    (run,) = node.claimed()
    world.person("alice").post(f"/api/v1/tasks/{run['task']['id']}/cancel/")
    told = node.claim(held=[holding(run)]).json()["stop"]
    assert [stop["reason"] for stop in told] == ["cancelled"]
    known = node.claim(held=[holding(run)], stopping=[run["run"]]).json()["stop"]
    assert known == []


def test_the_runs_of_another_organization_are_not_given(world: World) -> None:
    runs_of(world, 1, site=1)
    with nothing_stored():
        assert world.nodes[0].claimed() == []
        assert world.nodes[2].claimed() == []


def test_nor_are_they_beside_own_ones(world: World) -> None:
    task = world.send()
    (later,) = runs_of(world, 1)
    own = task["runs"][0]["id"]
    assert ids(world.nodes[0].claimed(capacity=1)) == [own]
    assert ids(world.nodes[0].claimed()) == [later]


@pytest.mark.parametrize(
    "announcement",
    [
        {"collaborations": []},
        {"databases": []},
        {"databases": [{"label": "other", "type": "csv"}]},
        {"databases": [{"label": "default", "type": "sql"}]},
        {"contracts": ["vantage6"]},
        {"contracts": []},
    ],
    ids=str,
)
def test_what_a_node_does_not_offer_it_is_not_given(
    world: World, announcement: dict[str, Any]
) -> None:
    runs_of(world, 1)
    offer = {"databases": [{"label": "default", "type": "csv"}], **announcement}
    own = {"id": world.collaboration.pk, "databases": offer.pop("databases")}
    node = world.nodes[0]
    answer = node.hello(**{"collaborations": [own], **offer})
    assert answer.json()["work"] is False
    with nothing_stored():
        assert node.claimed() == []
    assert node.heartbeat([]).json()["work"] is False
    assert node.hello(world.released()).json()["work"] is True
    assert len(node.claimed()) == 1


def test_a_run_that_this_node_cannot_do_does_not_hide_those_behind_it(
    world: World,
) -> None:
    only_b = [{"label": "b", "type": "csv"}]
    able = add_node(world, world.sites[0], world.people["admin0"])
    able.hello([{"id": world.collaboration.pk, "databases": only_b}])
    world.send(organizations=[world.sites[0].pk], databases=[{"label": "b"}])
    (second,) = runs_of(world, 1)
    (run,) = world.nodes[0].claimed(capacity=1)
    assert run["run"] == second
    assert world.nodes[0].heartbeat([holding(run)]).json()["work"] is False


def test_what_reads_no_database_is_given_to_who_serves_the_collaboration_only(
    world: World,
) -> None:
    summary, *_ = world.version.manifest["functions"]
    summary["databases"] = []
    world.version.save()
    silent = add_node(world, world.sites[0], world.people["admin0"])
    silent.hello([])
    world.send(organizations=[world.sites[0].pk], databases=[])
    with nothing_stored():
        assert silent.claimed() == []
    assert len(world.nodes[0].claimed()) == 1


def test_after_the_consent_ended_nothing_is_given(world: World) -> None:
    runs_of(world, 1)
    Participation.objects.filter(organization=world.sites[0]).update(status="ended")
    with nothing_stored():
        assert world.nodes[0].claimed() == []


def test_a_participation_that_ends_cancels_what_is_queued(world: World) -> None:
    queued, claimed = runs_of(world, 1), None
    world.nodes[0].claimed(capacity=1)
    claimed, queued = queued, runs_of(world, 1)
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[0]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    assert Run.objects.get(pk=queued[0]).status == "cancelled"
    assert Run.objects.get(pk=claimed[0]).status == "claimed"
    assert moves(queued[0]) == [("queued", "cancelled")]


def test_a_run_that_waits_after_a_fault_is_not_given_early(world: World) -> None:
    (run,) = runs_of(world, 1)
    soon = timezone.now() + timedelta(seconds=30)
    Run.objects.filter(pk=run).update(not_before=soon)
    assert world.nodes[0].claimed() == []
    Run.objects.filter(pk=run).update(not_before=timezone.now())
    assert ids(world.nodes[0].claimed()) == [run]


def test_two_nodes_of_an_organization_share_its_work(world: World) -> None:
    expected = runs_of(world, 4)
    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    taken = [*world.nodes[0].claimed(2), *second.claimed(2)]
    assert sorted(ids(taken)) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"claim": -1, "capacity": 1},
        {"claim": 2**63, "capacity": 1},
        {"claim": "x", "capacity": 1},
        {"claim": True, "capacity": 1},
        {"claim": 1, "capacity": -1},
        {"claim": 1, "capacity": 1001},
        {"claim": 1},
        {"capacity": 1},
        {"claim": 1, "capacity": 1, "held": [{"run": 1}]},
        {"claim": 1, "capacity": 1, "held": {"run": 1}},
        {"claim": 1, "capacity": 1, "held": None},
        {"claim": 1, "capacity": 1, "stopping": [2**63]},
        {"claim": 1, "capacity": 1, "pulling": "image"},
        {"claim": 1, "capacity": 1, "pulling": ["x" * 501]},
        [],
        "claim",
        None,
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(world: World, body: Any) -> None:
    runs_of(world, 1)
    with nothing_stored():
        node = world.nodes[0]
        answer = node.client.post("/api/v1/node/claim/", body, headers=node.headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
