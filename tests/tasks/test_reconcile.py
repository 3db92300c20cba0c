"""Server and node agree on who holds what after lost, late and crossing messages."""

from typing import Any

import pytest

from apps.tasks.models import Run
from tests.daemon import holding
from tests.stored import moves, nothing_stored
from tests.worlds import World

pytestmark = pytest.mark.backends


def status(run: dict[str, Any]) -> str:
    return str(Run.objects.get(pk=run["run"]).status)


def test_a_lost_answer_is_given_again_by_the_same_number(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0].restarted()
    node.last_claim = 0  # the answer never reached the journal
    with nothing_stored():
        hello = node.hello(world.released())
        again = node.claimed()
    assert hello.json()["last_claim"] == 1
    assert again == [run]


def test_a_claim_whose_answer_is_on_its_way_is_not_taken_back(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    node.last_claim = 0  # the heartbeat left before the answer arrived
    with nothing_stored():
        assert node.heartbeat([]).json() == {"work": False, "stop": [], "last_claim": 1}
    assert status(run) == "claimed"


@pytest.mark.parametrize("state", ["claimed", "preparing", "running"])
def test_a_run_that_is_missing_at_the_node_is_queued_again(
    world: World, run: dict[str, Any], state: str
) -> None:
    node = world.nodes[0]
    if state != "claimed":
        node.report(run["run"], 1, state)
    assert node.heartbeat([]).json()["work"] is True
    row = Run.objects.get(pk=run["run"])
    assert (row.status, row.node, row.claim, row.attempt) == ("queued", None, None, 1)
    assert moves(run["run"])[-1] == (state, "queued")
    (again,) = node.claimed()
    assert (again["run"], again["attempt"]) == (run["run"], 2)


def test_a_run_held_in_another_attempt_is_missing_and_to_be_stopped(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    answer = node.heartbeat([{"run": run["run"], "attempt": 9}])
    stop = [{"run": run["run"], "attempt": 9, "reason": "superseded"}]
    assert answer.json()["stop"] == stop
    assert status(run) == "queued"


def test_of_two_attempts_at_one_node_the_older_is_to_be_stopped(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    node.heartbeat([])
    (again,) = node.claimed()
    answer = node.heartbeat([holding(run), holding(again)])
    assert answer.json()["stop"] == [{**holding(run), "reason": "superseded"}]
    assert status(run) == "claimed"


def test_what_is_held_is_not_taken_for_a_run_that_has_its_number_again(
    world: World, run: dict[str, Any]
) -> None:
    """The node holds what had the number before the server's copy was put back."""
    node = world.nodes[0]
    node.heartbeat([])
    before = {"run": run["run"], "attempt": 2}
    answer = node.claim(held=[before]).json()
    assert [(r["run"], r["attempt"]) for r in answer["runs"]] == [(run["run"], 3)]
    assert answer["stop"] == [{**before, "reason": "superseded"}]


def test_what_is_held_stays(world: World, run: dict[str, Any]) -> None:
    with nothing_stored():
        answer = world.nodes[0].heartbeat([holding(run)])
    assert answer.json()["stop"] == []


def test_a_later_claims_run_is_not_missing(world: World, run: dict[str, Any]) -> None:
    world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (later,) = node.claimed()
    node.last_claim = 1  # one reading of the journal, before the second claim
    assert node.heartbeat([holding(run)]).json()["stop"] == []
    assert (status(run), status(later)) == ("claimed", "claimed")
    assert node.heartbeat([]).json()["work"] is True
    assert (status(run), status(later)) == ("queued", "claimed")


def test_a_run_that_never_was_the_nodes_is_superseded(
    world: World, run: dict[str, Any]
) -> None:
    strange = [
        {"run": 10**9, "attempt": 1},
        {"run": 2**63 - 1, "attempt": 2**63 - 1},
        {"run": 0, "attempt": 0},
    ]
    answer = world.nodes[1].heartbeat([holding(run), *strange])
    reasons = [stop["reason"] for stop in answer.json()["stop"]]
    assert reasons == ["superseded"] * 4
    assert status(run) == "claimed"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("failed", "finished"),
        ("completed", "finished"),
        ("cancelled", "finished"),
        ("expired", "expired"),
    ],
)
def test_an_ended_run_is_to_be_dropped(
    world: World, run: dict[str, Any], end: str, reason: str
) -> None:
    created = Run.objects.get(pk=run["run"]).created_at
    Run.objects.filter(pk=run["run"]).update(status=end, finished_at=created)
    with nothing_stored():
        answer = world.nodes[0].heartbeat([holding(run)])
    assert [stop["reason"] for stop in answer.json()["stop"]] == [reason]


def test_a_cancel_waits_for_the_nodes_word(world: World, run: dict[str, Any]) -> None:
    node = world.nodes[0]
    world.person("alice").post(f"/api/v1/tasks/{run['task']['id']}/cancel/")
    answer = node.heartbeat([holding(run)]).json()
    assert answer["stop"] == [{**holding(run), "reason": "cancelled"}]
    known = node.heartbeat([holding(run)], stopping=[run["run"]]).json()
    assert known["stop"] == []
    assert node.restarted().hello(world.released(), [holding(run)]).json()["stop"]


def test_a_cancelled_run_that_is_missing_ends(
    world: World, run: dict[str, Any]
) -> None:
    world.person("alice").post(f"/api/v1/tasks/{run['task']['id']}/cancel/")
    world.nodes[0].heartbeat([])
    assert status(run) == "cancelled"
    assert moves(run["run"])[-1] == ("claimed", "cancelled")


def test_a_node_cannot_take_back_what_another_one_holds(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[1].last_claim = 2**62
    with nothing_stored():
        world.nodes[1].heartbeat([])
    assert status(run) == "claimed"


@pytest.mark.parametrize(
    "journal",
    [
        {"last_claim": -1, "held": []},
        {"last_claim": 2**63, "held": []},
        {"last_claim": "x", "held": []},
        {"held": []},
        {"last_claim": 1},
        {"last_claim": 1, "held": "all"},
        {"last_claim": 1, "held": [1]},
        {"last_claim": 1, "held": [{"run": -1, "attempt": 1}]},
        {"last_claim": 1, "held": [{"run": 1, "attempt": None}]},
        {"last_claim": 1, "held": [], "stopping": {}},
        {"last_claim": 1, "held": [], "stopping": ["x"]},
    ],
    ids=str,
)
def test_a_wrong_journal_is_refused_and_moves_nothing(
    world: World, run: dict[str, Any], journal: dict[str, Any]
) -> None:
    with nothing_stored():
        answer = world.nodes[0].post("heartbeat/", journal)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert status(run) == "claimed"
