"""What a node reports of a run that it holds. Repeats and stragglers do no harm."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.algorithms.choices import FunctionType
from apps.audit.actors import Actor
from apps.errors import Conflict, Missing, Refusal
from apps.nodes.models import DatabaseRelease, Node
from apps.prepared import Prepared
from apps.tasks.choices import (
    GIVEN_BACK,
    MAX_RETRIES,
    PROGRESS,
    RETRIED,
    TERMINAL,
    FailureCode,
    RunStatus,
)
from apps.tasks.dispatch import give_back
from apps.tasks.models import Run
from apps.tasks.transitions import UnlistedMove, move_run
from ptm_site.filters import MAX_ID


@dataclass(frozen=True)
class Report:
    attempt: int
    status: RunStatus
    code: FailureCode | None = None
    detail: str = ""
    # Whether the node believes that another attempt could do better.
    retry: bool = True


def held_run(node: Node, run_id: int, attempt: int) -> Run:
    """Return the run, locked, if this node holds (or ended) this attempt of it."""
    run = _locked_run(node, run_id)
    if run.node_id != node.pk or run.attempt != attempt:
        raise _stale()
    return run


def _stale() -> Conflict:
    return Conflict("attempt_stale", "The node no longer holds this attempt.")


def _locked_run(node: Node, run_id: int) -> Run:
    asked = {"run": run_id, "organization": node.organization_id}
    # A database cannot even be asked for what no id could be.
    found = _locked.objects(**asked) if run_id <= MAX_ID else []
    if not found:
        raise Missing
    run: Run = found[0]
    return run


def _build_locked(*, run: int, organization: int) -> QuerySet[Run]:
    locked = Run.objects.select_for_update()
    return locked.filter(pk=run, organization=organization).order_by()


# Asked with each word of a node about a run.
_locked = Prepared(_build_locked)


@transaction.atomic
def report_run(*, node: Node, run_id: int, report: Report) -> Run:
    """Apply the report and return the run as it is then."""
    run = _locked_run(node, run_id)
    if _gives_back_again(run, report):
        return run
    if run.node_id != node.pk or run.attempt != report.attempt:
        raise _stale()
    if run.status in TERMINAL:
        if run.status == report.status:
            return run
        raise Conflict("run_terminal", f"The run is {run.status} already.")
    if report.status in PROGRESS and report.status != RunStatus.QUEUED:
        _advance(run, report, node)
    else:
        _end(run, report, node)
    return run


def _gives_back_again(run: Run, report: Report) -> bool:
    """Whether it repeats the report that put the run back into the queue."""
    return (
        report.status in (RunStatus.QUEUED, RunStatus.FAILED)
        and run.status == RunStatus.QUEUED
        and run.attempt == report.attempt >= 1
    )


def _advance(run: Run, report: Report, node: Node) -> None:
    if PROGRESS.index(report.status) <= PROGRESS.index(RunStatus(run.status)):
        return
    changes: dict[str, object] = {}
    if report.status == RunStatus.RUNNING:
        changes["started_at"] = timezone.now()
    move_run(run, report.status, actor=Actor.node(node.pk), changes=changes)


def _end(run: Run, report: Report, node: Node) -> None:
    actor = Actor.node(node.pk)
    code = report.code or ""
    if report.status == RunStatus.QUEUED:
        if report.code not in GIVEN_BACK:
            raise Refusal("report_invalid", "A run is not given back for this reason.")
        if report.code == FailureCode.DATABASE_UNKNOWN:
            _forget_release(run, node)
        give_back(run, reason=code, actor=actor)
        return
    if report.status == RunStatus.CANCELLED and run.cancel_requested_at is None:
        raise Conflict("run_not_cancelled", "Nobody asked to cancel the run.")
    if report.status == RunStatus.FAILED and _is_retried(run, report):
        give_back(run, reason=code, actor=actor, retry=True)
        return
    try:
        move_run(
            run,
            report.status,
            actor=actor,
            reason=code,
            changes={"code": code, "detail": report.detail},
        )
    except UnlistedMove as error:
        raise Conflict("report_invalid", f"Not from {run.status}.") from error


def _is_retried(run: Run, report: Report) -> bool:
    """Infrastructure faults are; an algorithm's own failure, or a central run, not."""
    function = run.task.version.function(run.task.function) or {}
    return (
        report.code in RETRIED
        and report.retry
        and run.retries < MAX_RETRIES
        and function.get("type") != FunctionType.CENTRAL
    )


def _forget_release(run: Run, node: Node) -> None:
    """The announcement was out of date: let another node have such runs."""
    DatabaseRelease.objects.filter(
        enrolment__node=node,
        enrolment__collaboration=run.task.collaboration_id,
        label__in=[database["label"] for database in run.task.databases],
    ).delete()
