"""A run's time as a bar: how long it was queued, prepared, waited and ran."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from apps.tasks.choices import LOOKS, TERMINAL, RunStatus
from apps.tasks.models import Run, RunEvent

WIDTH = 1000
LEAST = 8  # a phase too short for the scale can still be seen

# States that look alike are one phase.
PHASES = {
    "grey": "queued",
    "blue-grey": "preparing",
    "amber": "waiting",
    "blue": "running",
}


@dataclass(frozen=True)
class Stretch:
    colour: str
    span: timedelta


@dataclass(frozen=True)
class Piece:
    """One stretch as drawn."""

    colour: str
    phase: str
    span: timedelta
    x: float
    width: float
    moving: bool


@dataclass(frozen=True)
class Bar:
    pieces: Sequence[Piece]
    # The time in each phase, all attempts together.
    phases: Sequence[tuple[str, timedelta]]


def stretches(run: Run, events: Iterable[RunEvent], now: datetime) -> list[Stretch]:
    """Return the phases of the run, one after the other, from its history."""
    history = sorted(events, key=lambda event: event.pk)
    states = [history[0].old if history else run.status]
    states += [event.new for event in history]
    times = [run.created_at, *(event.at for event in history), run.finished_at or now]
    found: list[Stretch] = []
    for state, (begin, end) in zip(states, pairwise(times), strict=True):
        if state in TERMINAL:
            continue
        colour = LOOKS[RunStatus(state)].colour
        span = max(end - begin, timedelta())
        if found and found[-1].colour == colour:
            span += found.pop().span
        found.append(Stretch(colour, span))
    return found


def longest(rows: Iterable[Sequence[Stretch]]) -> timedelta:
    return max((_total(row) for row in rows), default=timedelta())


def bar(row: Sequence[Stretch], scale: timedelta, *, moving: bool) -> Bar:
    """Draw the stretches; a bar as long as `scale` fills the whole width."""
    wanted = [max(_share(stretch.span, scale), LEAST) for stretch in row]
    # Room for what was widened comes from the rest: a bar never leaves its place.
    room = max(_share(_total(row), scale), LEAST * len(row))
    fit = min(room, WIDTH) / sum(wanted) if wanted else 1
    pieces, x = [], 0.0
    for number, (stretch, width) in enumerate(zip(row, wanted, strict=True)):
        last = number == len(row) - 1
        pieces.append(
            Piece(
                colour=stretch.colour,
                phase=PHASES[stretch.colour],
                span=stretch.span,
                x=round(x, 1),
                width=round(width * fit, 1),
                moving=moving and last,
            )
        )
        x += width * fit
    return Bar(pieces, _phases(row))


def _phases(row: Sequence[Stretch]) -> list[tuple[str, timedelta]]:
    spans: dict[str, timedelta] = {}
    for stretch in row:
        phase = PHASES[stretch.colour]
        spans[phase] = spans.get(phase, timedelta()) + stretch.span
    return list(spans.items())


def _total(row: Sequence[Stretch]) -> timedelta:
    return sum((stretch.span for stretch in row), timedelta())


def _share(span: timedelta, scale: timedelta) -> float:
    return WIDTH * (span / scale) if scale else 0.0
