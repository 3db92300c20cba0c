"""A run as a lane: where it stands at its site, since when, and what one can do."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from apps.accounts.models import User
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.tasks.bars import Bar, bar, longest, stretches
from apps.tasks.choices import HELD, TERMINAL, RunStatus
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.notes import Note, notes_on

MAX_EVENTS = 40  # of a run that went back and forth, the newest


@dataclass(frozen=True)
class Lane:
    run: Run
    bar: Bar
    notes: Sequence[Note]
    # From the moment it was sent; None while it goes on.
    took: timedelta | None
    # The id of the result, if there is one.
    result: int | None

    @property
    def ended(self) -> bool:
        return self.run.status in TERMINAL


def lanes_of(tasks: Sequence[Task], user: User) -> dict[int, list[Lane]]:
    """Return each task's lanes, by task id, as far as the user may see its runs.

    The bars of one task have the same scale: the longest fills its lane.
    """
    known = {task.pk: task for task in tasks}
    newest = RunEvent.objects.order_by("-id")[:MAX_EVENTS]
    runs = (
        Run.objects.visible_to(user)
        .filter(task__in=known, is_current=True)
        # The result is of the app above, so it is asked for by name.
        .select_related("organization", "node", "result")
        .prefetch_related(Prefetch("history", newest, to_attr="newest"))
        .order_by("organization__name", "id")
    )
    rows: dict[int, list[Run]] = {pk: [] for pk in known}
    for run in runs:
        run.task = known[run.task_id]
        rows[run.task_id].append(run)
    nodes = _nodes([run for row in rows.values() for run in row], user)
    return {pk: _lanes(row, nodes) for pk, row in rows.items()}


def _nodes(runs: Iterable[Run], user: User) -> dict[int, list[Node]]:
    """The nodes of the organizations where something waits, with what they offer."""
    sites = {run.organization_id for run in runs if run.status == RunStatus.QUEUED}
    released = DatabaseRelease.objects.defer("columns")
    offers = Enrolment.objects.prefetch_related(Prefetch("databases", released))
    found: dict[int, list[Node]] = defaultdict(list)
    for node in (
        Node.objects.visible_to(user)
        .in_use()
        .filter(organization__in=sites)
        .prefetch_related(Prefetch("enrolments", offers))
    ):
        found[node.organization_id].append(node)
    return found


def _lanes(runs: Sequence[Any], nodes: dict[int, list[Node]]) -> list[Lane]:
    now = timezone.now()
    rows = [stretches(run, run.newest, now) for run in runs]
    scale = longest(rows)
    return [
        Lane(
            run=run,
            bar=bar(row, scale, moving=run.status == RunStatus.RUNNING),
            notes=notes_on(run, run.newest, nodes.get(run.organization_id, ())),
            took=run.finished_at - run.created_at if run.finished_at else None,
            result=run.result.pk if hasattr(run, "result") else None,
        )
        for run, row in zip(runs, rows, strict=True)
    ]


def what_cancelling_does(runs: Iterable[Run]) -> str:
    """Name what a cancellation would end, and what stays; empty if nothing is left."""
    states = [
        r.status for r in runs if r.status in TERMINAL or not r.cancel_requested_at
    ]
    held = sum(state in HELD for state in states)
    queued = states.count(RunStatus.QUEUED)
    finished = states.count(RunStatus.COMPLETED)
    ends = [
        *([counted(held, "running run")] if held else []),
        *([counted(queued, "queued run")] if queued else []),
    ]
    if not ends:
        return ""
    stays = f"; {counted(finished, 'finished result')} stay{'s' * (finished == 1)}"
    return f"Cancels {' and '.join(ends)}{stays if finished else ''}."


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
