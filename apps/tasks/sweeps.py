"""What the worker does for tasks, again and again."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.nodes.events import wake_nodes
from apps.tasks.choices import TERMINAL, RunStatus, TaskStatus
from apps.tasks.models import Run, Task
from apps.tasks.transitions import move_run


def expire_tasks() -> int:
    """End every run of tasks whose deadline has passed; return how many ended."""
    overdue = Task.objects.filter(
        status=TaskStatus.OPEN, deadline_at__lte=timezone.now()
    )
    return sum(_expire_task(pk) for pk in overdue.values_list("pk", flat=True))


@transaction.atomic
def _expire_task(task_id: int) -> int:
    runs = Run.objects.select_for_update().filter(task=task_id)
    ended = 0
    for run in runs.exclude(status__in=TERMINAL):
        ended += move_run(run, RunStatus.EXPIRED, actor=SYSTEM, reason="deadline")
        wake_nodes(run.organization_id)
    return ended


@transaction.atomic
def cancel_queued(runs: QuerySet[Run], *, reason: str) -> None:
    """Cancel those of the runs that no node has claimed; the rest may finish."""
    queued = runs.select_for_update(of=("self",)).filter(status=RunStatus.QUEUED)
    for run in queued.order_by("task_id"):
        move_run(run, RunStatus.CANCELLED, actor=SYSTEM, reason=reason)
