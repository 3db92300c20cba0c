"""What a node may report of a run: every state against every word, and repeats."""

from typing import Any

import pytest

from apps.tasks.choices import (
    HELD,
    PROGRESS,
    RETRIED,
    TERMINAL,
    TRANSITIONS,
    FailureCode,
    RunStatus,
)
from apps.tasks.models import Run, Task
from tests.stored import moves, nothing_stored
from tests.worlds import World

S = RunStatus
# How a run gets from claimed into each held state.
PATHS: dict[RunStatus, list[RunStatus]] = {
    S.CLAIMED: [],
    S.AWAITING_APPROVAL: [S.AWAITING_APPROVAL],
    S.PREPARING: [S.PREPARING],
    S.RUNNING: [S.PREPARING, S.RUNNING],
    S.AWAITING_RELEASE: [S.PREPARING, S.RUNNING, S.AWAITING_RELEASE],
}
FIELDS: dict[RunStatus, dict[str, str]] = {
    S.FAILED: {"code": "exit_nonzero", "detail": "exit status 1"},
    S.REJECTED: {"code": "policy_refused", "detail": "no rule allows it"},
    S.WITHHELD: {"detail": "too few patients"},
    S.QUEUED: {"code": "node_stopping"},
}
# What the table of moves must say, written out by hand: (from, to).
ALLOWED = {
    *((held, new) for held in HELD for new in (S.FAILED, S.QUEUED)),
    (S.CLAIMED, S.AWAITING_APPROVAL),
    (S.CLAIMED, S.PREPARING),
    (S.CLAIMED, S.RUNNING),
    (S.CLAIMED, S.AWAITING_RELEASE),
    (S.CLAIMED, S.REJECTED),
    (S.AWAITING_APPROVAL, S.PREPARING),
    (S.AWAITING_APPROVAL, S.RUNNING),
    (S.AWAITING_APPROVAL, S.AWAITING_RELEASE),
    (S.AWAITING_APPROVAL, S.REJECTED),
    (S.PREPARING, S.REJECTED),
    (S.PREPARING, S.RUNNING),
    (S.PREPARING, S.AWAITING_RELEASE),
    (S.PREPARING, S.WITHHELD),
    (S.RUNNING, S.AWAITING_RELEASE),
    (S.RUNNING, S.WITHHELD),
    (S.AWAITING_RELEASE, S.WITHHELD),
}
WORDS = [
    S.PREPARING,
    S.RUNNING,
    S.AWAITING_APPROVAL,
    S.AWAITING_RELEASE,
    S.FAILED,
    S.REJECTED,
    S.WITHHELD,
    S.QUEUED,
]


def tell(world: World, run: dict[str, Any], status: str, **fields: Any) -> Any:
    return world.nodes[0].report(run["run"], run["attempt"], status, **fields)


def bring(world: World, run: dict[str, Any], state: RunStatus) -> None:
    for step in PATHS[state]:
        assert tell(world, run, step).status_code == 200


@pytest.mark.parametrize("new", WORDS)
@pytest.mark.parametrize("state", sorted(HELD))
def test_every_word_in_every_state(
    world: World, run: dict[str, Any], state: RunStatus, new: RunStatus
) -> None:
    bring(world, run, state)
    before = moves(run["run"])
    answer = tell(world, run, new, **FIELDS.get(new, {}))
    stored = Run.objects.get(pk=run["run"])
    if (state, new) in ALLOWED:
        assert answer.status_code == 200
        assert moves(run["run"]) == [*before, (state, new)]
        assert answer.json() == {
            "run": run["run"],
            "attempt": 1,
            "status": new,
            "stop": False,
        }
    elif new in PROGRESS:  # older than the present state, or the same
        assert answer.status_code == 200
        assert (answer.json()["status"], stored.status) == (state, state)
        assert moves(run["run"]) == before
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "report_invalid")
        assert stored.status == state
        assert moves(run["run"]) == before


def test_what_can_be_reported_is_what_the_table_of_moves_allows() -> None:
    listed = {(old, new) for new in WORDS for old in TRANSITIONS[new]}
    assert listed == ALLOWED


@pytest.mark.parametrize("new", [S.FAILED, S.REJECTED, S.WITHHELD])
def test_an_end_is_stored_with_its_reason_and_repeats_change_nothing(
    world: World, run: dict[str, Any], new: RunStatus
) -> None:
    bring(world, run, S.CLAIMED if new == S.REJECTED else S.RUNNING)
    fields = FIELDS[new]
    first = tell(world, run, new, **fields)
    stored = Run.objects.get(pk=run["run"])
    assert stored.finished_at is not None
    assert (stored.code, stored.detail) == (fields.get("code", ""), fields["detail"])
    task = Task.objects.get(pk=run["task"]["id"])
    assert (task.status, task.finished_at is not None) == ("finished", True)
    with nothing_stored():
        again = tell(world, run, new, **fields)
    assert again.json() == first.json()


@pytest.mark.parametrize("end", [S.FAILED, S.REJECTED, S.COMPLETED, S.EXPIRED])
def test_terminal_states_never_change(
    world: World, run: dict[str, Any], end: RunStatus
) -> None:
    if end == S.COMPLETED:
        world.nodes[0].complete(run)
    elif end == S.EXPIRED:
        Run.objects.filter(pk=run["run"]).update(
            status=end, finished_at=Task.objects.get().created_at
        )
    else:
        tell(world, run, end, **FIELDS[end])
    with nothing_stored():
        for word in WORDS:
            if word == end:
                continue
            answer = tell(world, run, word, **FIELDS.get(word, {}))
            assert (answer.status_code, answer.json()["code"]) == (409, "run_terminal")


@pytest.mark.parametrize("attempt", [0, 2, 10**9, 2**31, 2**63 - 1])
def test_a_report_of_another_attempt_is_stale(
    world: World, run: dict[str, Any], attempt: int
) -> None:
    with nothing_stored():
        for word in WORDS:
            answer = world.nodes[0].report(
                run["run"], attempt, word, **FIELDS.get(word, {})
            )
            assert (answer.status_code, answer.json()["code"]) == (409, "attempt_stale")


@pytest.mark.parametrize("word", WORDS)
def test_a_run_that_was_never_claimed_cannot_be_reported(
    world: World, word: RunStatus
) -> None:
    run = world.send(organizations=[world.sites[0].pk])["runs"][0]["id"]
    with nothing_stored():
        for attempt in (0, 1):
            answer = world.nodes[0].report(run, attempt, word, **FIELDS.get(word, {}))
            assert answer.status_code == 409
            assert answer.json()["code"] == "attempt_stale"


def test_another_node_of_the_organization_does_not_hold_the_attempt(
    world: World, run: dict[str, Any]
) -> None:
    from tests.worlds import add_node

    second = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    with nothing_stored():
        answer = second.report(run["run"], 1, "running")
    assert answer.json()["code"] == "attempt_stale"


def test_the_old_attempt_is_stale_once_the_run_is_claimed_again(
    world: World, run: dict[str, Any]
) -> None:
    tell(world, run, "queued", code="node_stopping")
    (again,) = world.nodes[0].claimed()
    assert again["attempt"] == 2
    with nothing_stored():
        for word in WORDS:
            answer = tell(world, run, word, **FIELDS.get(word, {}))
            assert answer.json()["code"] == "attempt_stale"


def test_starting_sets_the_time_once(world: World, run: dict[str, Any]) -> None:
    bring(world, run, S.PREPARING)
    assert Run.objects.get(pk=run["run"]).started_at is None
    tell(world, run, S.RUNNING)
    started = Run.objects.get(pk=run["run"]).started_at
    assert started is not None
    tell(world, run, S.RUNNING)
    assert Run.objects.get(pk=run["run"]).started_at == started


def test_every_change_raises_the_tasks_revision_by_one(
    world: World, run: dict[str, Any]
) -> None:
    revisions = [Task.objects.get().revision]
    for word in ("preparing", "preparing", "running"):
        tell(world, run, word)
        revisions.append(Task.objects.get().revision)
    first = revisions[0]
    assert revisions == [first, first + 1, first + 1, first + 2]


@pytest.mark.parametrize("code", sorted(FailureCode.values))
def test_only_infrastructure_faults_are_tried_again(
    world: World, run: dict[str, Any], code: str
) -> None:
    answer = tell(world, run, "failed", code=code, detail="a sentence")
    expected = "queued" if code in RETRIED else "failed"
    assert answer.json()["status"] == expected
    assert Run.objects.get(pk=run["run"]).status == expected


def test_a_code_that_only_a_newer_node_knows_is_an_internal_fault(
    world: World, run: dict[str, Any]
) -> None:
    answer = tell(world, run, "failed", code="gpu_on_fire", detail="hot", retry=False)
    assert answer.json()["status"] == "failed"
    stored = Run.objects.get(pk=run["run"])
    assert (stored.code, stored.detail) == ("internal", "hot")


def test_every_code_is_somebodys_fault() -> None:
    assert {
        "registry_unreachable",
        "runtime_unavailable",
        "disk_full",
        "internal",
    } == RETRIED
    assert not TERMINAL & HELD


@pytest.mark.parametrize(
    "body",
    [
        {"attempt": 1},
        {"status": "running"},
        {"attempt": 1, "status": "completed"},
        {"attempt": 1, "status": "claimed"},
        {"attempt": 1, "status": "expired"},
        {"attempt": 1, "status": "RUNNING"},
        {"attempt": 1, "status": ["running"]},
        {"attempt": 1, "status": None},
        {"attempt": -1, "status": "running"},
        {"attempt": 2**63, "status": "running"},
        {"attempt": 1.5, "status": "running"},
        {"attempt": True, "status": "running"},
        {"attempt": 1, "status": "failed", "code": "bad luck"},
        {"attempt": 1, "status": "failed", "code": None},
        {"attempt": 1, "status": "failed", "detail": "d" * 2001},
        {"attempt": 1, "status": "failed", "detail": "nul\x00"},
        {"attempt": 1, "status": "failed", "detail": {"a": 1}},
        [1],
        "running",
    ],
    ids=str,
)
def test_a_wrong_report_is_refused(
    world: World, run: dict[str, Any], body: Any
) -> None:
    node = world.nodes[0]
    path = f"/api/v1/node/runs/{run['run']}/report/"
    with nothing_stored():
        answer = node.client.post(path, body, headers=node.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_failure_without_a_code_is_refused(world: World, run: dict[str, Any]) -> None:
    with nothing_stored():
        answer = tell(world, run, "failed")
    assert answer.status_code in (400, 422)


def test_a_run_is_given_back_for_known_reasons_only(
    world: World, run: dict[str, Any]
) -> None:
    with nothing_stored():
        for code in ({}, {"code": "exit_nonzero"}, {"code": "internal"}):
            answer = tell(world, run, "queued", **code)
            assert (answer.status_code, answer.json()["code"]) == (
                400,
                "report_invalid",
            )


def test_a_run_far_beyond_the_ids_of_databases_is_not_found(world: World) -> None:
    for run in (0, 2**63, 10**30):
        assert world.nodes[0].report(run, 1, "running").status_code == 404
