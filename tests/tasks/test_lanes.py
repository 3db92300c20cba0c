"""A run as a lane: whose, and the sentences beside its bar."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.tasks.choices import FailureCode
from apps.tasks.lanes import MAX_EVENTS, Lane, lanes_of, what_cancelling_does
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.notes import HINTS, Note, notes_on
from tests.tasks.unsaved_runs import MAASTRO, NOON, run_in, seconds
from tests.worlds import World


def text(notes: Any) -> str:
    """The notes as one reads them, with the time of day for a time."""
    return " ".join(
        note.text + (f" {note.at:%H:%M}" if note.at else "") + note.rest
        for note in notes
    )


def test_every_code_has_a_reason_and_an_advice() -> None:
    assert set(HINTS) == set(FailureCode)
    for hint in HINTS.values():
        assert hint.reason[0].isupper()
        assert hint.reason[-1] not in ".!"
        assert hint.advice[0].islower()
        assert hint.advice[-1] not in ".!"


@pytest.mark.parametrize("code", FailureCode)
def test_a_failure_without_a_detail_is_told_by_its_code(code: FailureCode) -> None:
    run = run_in("failed", code=code, finished_at=NOON)
    hint = HINTS[code]
    assert text(notes_on(run, [], [])) == f"{hint.reason}; {hint.advice}."


ENDED: list[tuple[dict[str, Any], str, str]] = [
    (
        {
            "status": "failed",
            "code": "out_of_memory",
            "detail": "out of memory at 4 GB",
        },
        "",
        "Out of memory at 4 GB; ask the site for a higher limit or send fewer columns.",
    ),
    (
        {"status": "failed", "code": "exit_nonzero", "detail": "exit status 3"},
        "",
        "The algorithm ended with an error (exit status 3); its log may say why; "
        "check the arguments.",
    ),
    (
        {"status": "failed", "code": "disk_full", "retries": 2},
        "",
        "The site's disk is full (tried 3 times); the site has to make room; "
        "run it again afterwards.",
    ),
    (
        {
            "status": "rejected",
            "code": "policy_refused",
            "detail": "the image x is not on this site's list",
        },
        "",
        "Refused by the site: the image x is not on this site's list; ask its data "
        "steward whether this image and function may run there.",
    ),
    (
        {"status": "rejected"},
        "",
        "The site gave no reason; ask its data steward.",
    ),
    (
        {"status": "withheld"},
        "",
        "Computed. Not released by the site; ask its data steward.",
    ),
    (
        {
            "status": "withheld",
            "code": "policy_refused",
            "detail": "the result was withheld: it holds a count below 10",
        },
        "",
        "Computed. The result was withheld: it holds a count below 10; ask its data"
        " steward.",
    ),
    (
        {"status": "cancelled"},
        "requested",
        "Cancelled on request; there is no result.",
    ),
    (
        {"status": "cancelled"},
        "participation_ended",
        "The site left the collaboration; there is no result.",
    ),
    (
        {"status": "expired"},
        "deadline",
        "Ended at the task's deadline; run it again for more time.",
    ),
    ({"status": "completed"}, "", ""),
]


@pytest.mark.parametrize(("fields", "reason", "expected"), ENDED)
def test_how_it_ended_is_said_in_the_readers_words(
    fields: dict[str, Any], reason: str, expected: str
) -> None:
    event = RunEvent(pk=1, at=NOON, reason=reason)
    assert text(notes_on(run_in(**fields, finished_at=NOON), [event], [])) == expected


def node(last_seen: timedelta | None = timedelta()) -> Node:
    seen = None if last_seen is None else timezone.now() - last_seen
    return Node(organization=MAASTRO, name="n", last_seen_at=seen)


GONE = ONLINE_WITHIN * 3


def test_a_held_run_says_what_it_waits_for_and_since_when() -> None:
    here = node()
    assert not notes_on(run_in("running", node=here), [], [])
    approval = notes_on(run_in("awaiting_approval", node=here), [], [])
    assert text(approval) == "Waiting for Maastro's approval since 12:00."
    release = notes_on(run_in("awaiting_release", node=here), [], [])
    assert text(release) == "Computed; waiting for Maastro to release it since 12:00."


def test_a_silent_node_keeps_its_run_and_the_lane_says_so() -> None:
    away = node(GONE)
    (note,) = notes_on(run_in("running", node=away), [], [])
    then = "; the run goes on there and reports when it is back."
    assert note == Note("Node offline since", away.last_seen_at, then)


def test_a_cancel_says_whether_the_site_can_hear_it() -> None:
    asked = {"cancel_requested_at": NOON}
    heard = notes_on(run_in("running", node=node(), **asked), [], [])
    assert text(heard) == "Cancel sent 12:00; the site confirms when it ended."
    unheard = notes_on(run_in("running", node=node(GONE), **asked), [], [])
    assert text(unheard[:1]) == "Cancel sent 12:00; the site is offline."
    assert unheard[1].text == "Node offline since"


def queued(world: World, **fields: Any) -> Run:
    task = Task.objects.get(pk=world.send(organizations=[world.sites[0].pk])["id"])
    Run.objects.filter(task=task).update(**fields)
    return Run.objects.get(task=task)


def why_it_waits(world: World, run: Run) -> str:
    ((lane,),) = lanes_of([run.task], world.people["alice"]).values()
    return text(lane.notes)


def test_a_queued_run_says_what_stands_before_its_start(world: World) -> None:
    run, site = queued(world), world.sites[0].name
    nodes = Node.objects.filter(organization=world.sites[0])
    assert why_it_waits(world, run) == f"Waits for a free place at {site}."
    DatabaseRelease.objects.filter(enrolment__node__in=nodes).delete()
    without = f"No node online at {site} releases the databases of this task."
    assert why_it_waits(world, run) == without
    Enrolment.objects.filter(node__in=nodes).delete()
    unserved = f"The node of {site} does not serve this collaboration."
    assert why_it_waits(world, run) == unserved
    nodes.update(last_seen_at=NOON)
    offline = f"Waits for a node of {site}; the last one was seen 12:00."
    assert why_it_waits(world, run) == offline
    nodes.update(last_seen_at=None)
    never = f"Waits for a node of {site}; none has connected yet."
    assert why_it_waits(world, run) == never
    nodes.update(revoked_at=NOON)
    none = f"{site} has no node yet; an admin of it can enrol one."
    assert why_it_waits(world, run) == none


def test_a_planned_retry_says_when_and_why(world: World) -> None:
    soon = timezone.now() + seconds(60)
    run = queued(world, not_before=soon, retries=1, attempt=1)
    RunEvent.objects.create(
        run=run,
        at=NOON,
        old="preparing",
        new="queued",
        attempt=1,
        reason="registry_unreachable",
        actor_kind="node",
    )
    reason = HINTS[FailureCode.REGISTRY_UNREACHABLE].reason
    expected = f"{reason}; tries again at {soon:%H:%M} (try 2 of 3)."
    assert why_it_waits(world, run) == expected
    Run.objects.update(not_before=NOON)
    expected = f"{reason}, so it is queued again. Waits for a free place at "
    assert why_it_waits(world, run).startswith(expected)


@pytest.mark.parametrize(
    "reason", ["missing_at_node", "node_revoked", "node_given_up", "", "new words"]
)
def test_a_run_given_back_is_queued_again_for_a_reason(
    world: World, reason: str
) -> None:
    run = queued(world, attempt=1)
    RunEvent.objects.create(
        run=run,
        at=NOON,
        old="claimed",
        new="queued",
        attempt=1,
        reason=reason,
        actor_kind="system",
    )
    assert ", so it is queued again. Waits" in why_it_waits(world, run)


def test_a_lane_shows_the_run_its_time_and_its_result(world: World) -> None:
    task = Task.objects.get(pk=world.send()["id"])
    (first,) = world.nodes[0].claimed()
    world.nodes[0].complete(first)
    lanes: list[Lane] = lanes_of([task], world.people["alice"])[task.pk]
    assert [lane.run.organization for lane in lanes] == world.sites
    ended, waiting, _ = lanes
    assert (ended.ended, waiting.ended) == (True, False)
    assert ended.result
    assert waiting.result is None
    assert ended.run.finished_at is not None
    assert ended.took == ended.run.finished_at - ended.run.created_at
    assert waiting.took is None
    assert [name for name, _ in ended.bar.phases] == ["queued", "preparing", "running"]


def test_a_run_that_went_back_and_forth_is_drawn_from_its_newest_moves(
    world: World,
) -> None:
    run = queued(world)
    states = ("queued", "claimed")
    RunEvent.objects.bulk_create(
        RunEvent(
            run=run,
            at=run.created_at,
            old=states[n % 2],
            new=states[(n + 1) % 2],
            attempt=1,
            actor_kind="node",
        )
        for n in range(10 * MAX_EVENTS)
    )
    ((lane,),) = lanes_of([run.task], world.people["alice"]).values()
    assert len(lane.bar.pieces) <= MAX_EVENTS + 1


def test_lanes_are_those_that_the_reader_may_see(world: World, rival: World) -> None:
    task = Task.objects.get(pk=world.send()["id"])
    seen = {
        person: [lane.run.organization for lane in lanes_of([task], user)[task.pk]]
        for person, user in world.people.items()
        if person in ("alice", "bob", "dave")
    }
    own = [world.sites[1]]
    assert seen == {"alice": world.sites, "bob": world.sites, "dave": own}
    assert lanes_of([task], rival.people["alice"]) == {task.pk: []}


def test_of_a_site_that_left_nothing_is_told_of_its_nodes(world: World) -> None:
    task = Task.objects.get(pk=world.send()["id"])
    # In the instant before its queued run is cancelled.
    world.sites[1].participations.update(status="ended")
    lanes = lanes_of([task], world.people["alice"])[task.pk]
    (notes,) = (e.notes for e in lanes if e.run.organization == world.sites[1])
    none = f"{world.sites[1].name} has no node yet; an admin of it can enrol one."
    assert text(notes) == none


CANCELS = [
    (["queued"], "Cancels 1 queued run."),
    (
        ["running", "preparing", "completed"],
        "Cancels 2 running runs; 1 finished result stays.",
    ),
    (
        ["claimed", "queued", "queued", "completed", "completed", "failed"],
        "Cancels 1 running run and 2 queued runs; 2 finished results stay.",
    ),
    (["completed", "failed"], ""),
    ([], ""),
]


@pytest.mark.parametrize(("states", "expected"), CANCELS)
def test_what_a_cancel_does_is_named(states: list[str], expected: str) -> None:
    assert what_cancelling_does(run_in(status) for status in states) == expected


def test_what_was_asked_to_cancel_is_not_cancelled_again() -> None:
    assert what_cancelling_does([run_in("running", cancel_requested_at=NOON)]) == ""
