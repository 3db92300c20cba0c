"""A run's history as a bar: its phases, their widths and their colours."""

from datetime import datetime, timedelta

import pytest

from apps.tasks.bars import LEAST, WIDTH, bar, longest, stretches
from apps.tasks.choices import LOOKS, TERMINAL, RunStatus
from apps.tasks.models import Run, RunEvent
from apps.tasks.templatetags.states import state
from tests.tasks.unsaved_runs import NOON, run_in, seconds


def history(*moves: tuple[str, float], first: str = "queued") -> list[RunEvent]:
    """Events from noon on: the new state, and how many seconds after the last move."""
    events, old, at = [], first, NOON
    for number, (new, after) in enumerate(moves, start=1):
        at += seconds(after)
        events.append(RunEvent(pk=number, at=at, old=old, new=new))
        old = new
    return events


def drawn(run: Run, events: list[RunEvent], now: datetime) -> list[tuple[str, float]]:
    return [(s.colour, s.span.total_seconds()) for s in stretches(run, events, now)]


def test_a_run_without_history_has_been_queued_all_the_time() -> None:
    later = NOON + seconds(30)
    assert drawn(run_in("queued"), [], later) == [("grey", 30)]


def test_each_phase_lasts_until_the_next_and_states_that_look_alike_are_one() -> None:
    events = history(("claimed", 2), ("preparing", 3), ("running", 4))
    now = NOON + seconds(20)
    phases = [("grey", 2), ("blue-grey", 7), ("blue", 11)]
    assert drawn(run_in("running"), events, now) == phases
    assert drawn(run_in("running"), events[::-1], now) == phases  # in any order


def test_an_ended_run_grows_no_more() -> None:
    events = history(("claimed", 2), ("running", 3), ("completed", 5))
    run = run_in("completed", finished_at=NOON + seconds(10))
    phases = [("grey", 2), ("blue-grey", 3), ("blue", 5)]
    assert drawn(run, events, NOON + timedelta(days=9)) == phases


def test_attempts_follow_each_other_and_their_phases_add_up() -> None:
    events = history(
        ("claimed", 1), ("running", 2), ("queued", 3), ("claimed", 4), ("running", 5)
    )
    row = stretches(run_in("running"), events, NOON + seconds(21))
    assert [s.colour for s in row] == ["grey", "blue-grey", "blue"] * 2
    shown = bar(row, longest([row]), moving=True)
    totals = {"queued": 5, "preparing": 7, "running": 9}
    assert {name: span.total_seconds() for name, span in shown.phases} == totals
    assert [piece.moving for piece in shown.pieces] == [False] * 5 + [True]


def test_a_clock_that_went_back_makes_no_negative_width() -> None:
    events = history(("claimed", -50), ("running", 10))
    row = stretches(run_in("running"), events, NOON - seconds(60))
    assert all(s.span >= timedelta() for s in row)


@pytest.mark.parametrize("spans", [[1, 1], [1, 86400, 1], [0, 0, 0], [3600], [], [0]])
def test_pieces_join_without_gap_and_stay_in_their_lane(spans: list[float]) -> None:
    moves = list(zip(("claimed", "running", "completed"), spans, strict=False))
    run = run_in("running", finished_at=NOON + seconds(sum(spans)))
    row = stretches(run, history(*moves), NOON)
    pieces = bar(row, longest([row]), moving=False).pieces
    x = 0.0
    for piece in pieces:
        assert piece.x == pytest.approx(x, abs=0.2)
        assert piece.width > 0
        x += piece.width
    assert x <= WIDTH + 0.5


def test_bars_of_one_task_share_a_scale_and_short_phases_can_be_seen() -> None:
    short = stretches(run_in("queued"), [], NOON + seconds(10))
    long = stretches(
        run_in("running"), history(("claimed", 1), ("running", 1)), NOON + seconds(1000)
    )
    scale = longest([short, long])
    (only,) = bar(short, scale, moving=False).pieces
    assert only.width == pytest.approx(10)
    widths = [piece.width for piece in bar(long, scale, moving=False).pieces]
    assert sum(widths) == pytest.approx(WIDTH, abs=0.5)
    assert min(widths) >= LEAST * 0.9
    assert longest([]) == timedelta()


@pytest.mark.parametrize("status", RunStatus)
def test_every_state_has_a_badge_and_every_phase_a_colour(status: RunStatus) -> None:
    badge = state(status)
    assert LOOKS[status].colour in badge
    assert status.label.capitalize() in badge
    if status not in TERMINAL:
        (piece,) = bar(
            stretches(run_in(status), [], NOON + seconds(1)), seconds(1), moving=False
        ).pieces
        assert piece.colour == LOOKS[status].colour
