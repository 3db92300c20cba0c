"""The one way in which a run changes its state."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.audit.actors import Actor
from apps.audit.services import record
from apps.prepared import Prepared
from apps.tasks.choices import TERMINAL, TRANSITIONS, RunStatus, TaskStatus
from apps.tasks.events import notify_watchers
from apps.tasks.models import Run, RunEvent, Task
from apps.writes import change, insert


class UnlistedMove(Exception):
    """A caller asked for a move that TRANSITIONS does not have: a bug of ours."""


def move_run(
    run: Run,
    new: RunStatus,
    *,
    actor: Actor,
    reason: str = "",
    changes: Mapping[str, object] | None = None,
) -> bool:
    """Move the run from the state it was read in, if it is still in it.

    Returns False, and changes nothing, when somebody else was faster. Call inside a
    transaction; history, task and hint are written with it.
    """
    old = RunStatus(run.status)
    if old not in TRANSITIONS[new]:
        raise UnlistedMove(f"{old} -> {new}")
    now = timezone.now()
    values = {"status": new, "status_since": now, **(changes or {})}
    if new in TERMINAL:
        values["finished_at"] = now
    unchanged = {"id": run.pk, "status": old, "attempt": run.attempt}
    if not change(Run, unchanged, values):
        return False
    for field, value in values.items():
        setattr(run, field, value)
    insert(
        RunEvent(
            run=run,
            at=now,
            old=old,
            new=new,
            attempt=run.attempt,
            reason=reason,
            actor_kind=actor.kind,
            actor_id=actor.id,
        )
    )
    collaboration_id = touch_task(run.task_id)
    if new in TERMINAL:
        record(
            actor=actor,
            action="run.finished",
            object_type="run",
            object_id=run.pk,
            organization=run.organization_id,
            collaboration=collaboration_id,
            task=run.task_id,
            attempt=run.attempt,
            reason=reason,
            before={"status": old},
            after={"status": new},
        )
    return True


def touch_task(task_id: int) -> int:
    """Count the change, settle whether the task is finished, and hint at it.

    Returns the id of its collaboration.
    """
    change(Task, {"id": task_id}, {}, count=["revision"])
    [now] = _now.rows(task=task_id)
    if not now["active"]:
        finished = {"status": TaskStatus.FINISHED, "finished_at": timezone.now()}
        change(Task, {"id": task_id, "status": TaskStatus.OPEN}, finished)
    collaboration_id: int = now["collaboration"]
    notify_watchers(task_id, collaboration_id)
    return collaboration_id


def _build_now(*, task: int) -> QuerySet[Task, dict[str, Any]]:
    current = Run.objects.filter(task=OuterRef("pk"), is_current=True)
    active = Exists(current.exclude(status__in=TERMINAL))
    return (
        Task.objects.filter(pk=task).order_by().values("collaboration", active=active)
    )


_now = Prepared(_build_now)
