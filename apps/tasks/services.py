"""What people do with tasks: create, cancel, run again; and how a run is finished."""

import hashlib
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.services import event_of, record, record_all
from apps.errors import Conflict, Forbidden, Invalid, Missing, Refusal
from apps.nodes.events import wake_nodes
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.tasks import authoring, idempotency, parties
from apps.tasks.checking import check
from apps.tasks.choices import HELD, TERMINAL, RunStatus, TaskStatus
from apps.tasks.columns import columns_asked
from apps.tasks.events import notify_new
from apps.tasks.idempotency import KeyedRequest
from apps.tasks.models import Input, Run, Task
from apps.tasks.permissions import may_cancel, may_repeat
from apps.tasks.transitions import move_run, touch_task
from apps.writes import insert

BELONGS_TO = ("collaboration", "study", "initiator", "organization", "version")


def create_task(
    *, initiator: User, request: authoring.TaskRequest, keyed: KeyedRequest | None
) -> tuple[Task, list[Run]]:
    """Check the request, store the task with one queued run per organization.

    Returns the task and its new runs. A repeated Idempotency-Key makes none: it gives
    the first one's task, if the user may still see it, even if such a task could not
    be sent any more.
    """
    try:
        return _new_task(initiator, request, keyed)
    except (IntegrityError, Refusal) as error:
        # Most keys are new, so that it is asked only now whether this one is.
        if keyed and (earlier := _earlier_task(initiator, keyed)):
            return earlier, []
        if keyed is None or isinstance(error, Refusal):
            raise
        return _new_task(initiator, request, keyed)  # it was a key of yesterday


def _new_task(
    initiator: User, request: authoring.TaskRequest, keyed: KeyedRequest | None
) -> tuple[Task, list[Run]]:
    found = check(initiator, request)
    task = Task(
        collaboration=found.collaboration,
        study=found.study,
        initiator=initiator,
        organization=found.sender,
        version=found.version,
        function=request.function,
        databases=request.databases,
        name=request.name,
        purpose=request.purpose,
        visibility=found.collaboration.visibility,
        deadline_at=timezone.now() + timedelta(days=found.collaboration.deadline_days),
    )
    task.columns = authoring.check_databases(
        found.collaboration,
        found.organizations,
        found.version,
        found.function,
        request.databases,
        columns_asked(found.function, request.arguments, request.databases),
    )
    return task, _store_task(task, found.data, found.organizations, keyed)


def _earlier_task(user: User, keyed: KeyedRequest) -> Task | None:
    row = idempotency.find(user, keyed)
    if row is None:
        return None
    task: Task | None = Task.objects.visible_to(user).filter(pk=row.object_id).first()
    if task is None:
        raise Missing
    return task


@transaction.atomic
def _store_task(
    task: Task,
    data: bytes,
    organizations: list[Organization],
    keyed: KeyedRequest | None,
) -> list[Run]:
    parties.require_consent(task, [organization.pk for organization in organizations])
    parties.require_room(task.collaboration, task.initiator_id)
    # What it belongs to has just been read.
    task.full_clean(BELONGS_TO, validate_unique=False, validate_constraints=False)
    insert(task)
    stored = Input(task=task, data=data, sha256=hashlib.sha256(data).hexdigest())
    insert(stored)
    runs = [
        Run(task=task, organization=o, input=stored, status_since=task.created_at)
        for o in organizations
    ]
    insert(*runs)
    if keyed:
        idempotency.take(task.initiator, keyed, task.pk)
    _record_created(task, runs)
    notify_new(task.pk, task.collaboration_id, (o.pk for o in organizations))
    return runs


@transaction.atomic
def cancel_task(*, task: Task, user: User) -> None:
    """End what no node holds at once; ask the nodes to end the rest. Idempotent."""
    if not may_cancel(user, task):
        raise Forbidden
    actor = Actor.user(user.pk)
    runs = Run.objects.select_for_update().filter(task=task, is_current=True)
    asked = list(runs.exclude(status__in=TERMINAL).filter(cancel_requested_at=None))
    for run in asked:
        request_cancel(run, actor=actor, reason="requested")
    if asked:
        record(
            actor=actor,
            action="task.cancelled",
            object_type="task",
            object_id=task.pk,
            organization=task.organization_id,
            collaboration=task.collaboration_id,
        )


def request_cancel(run: Run, *, actor: Actor, reason: str) -> None:
    """Cancel a queued run; mark a held one, whose node confirms when it has ended."""
    if run.status == RunStatus.QUEUED:
        move_run(run, RunStatus.CANCELLED, actor=actor, reason=reason)
        return
    Run.objects.filter(pk=run.pk, status__in=HELD).update(
        cancel_requested_at=timezone.now()
    )
    record(
        actor=actor,
        action="run.cancel_requested",
        object_type="run",
        object_id=run.pk,
        organization=run.organization_id,
        collaboration=touch_task(run.task_id),
    )
    wake_nodes(run.organization_id)


@transaction.atomic
def run_again(*, run: Run, user: User, keyed: KeyedRequest | None) -> tuple[Run, bool]:
    """Queue a new run for the same organization; the ended one stays to be read."""
    task = run.task
    if not may_repeat(user, task):
        raise Forbidden
    key = idempotency.begin(user, keyed) if keyed else None
    if key is not None and key.object_id is not None:
        return Run.objects.get(pk=key.object_id), False
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.status not in TERMINAL or not run.is_current:
        raise Conflict("run_not_ended", "Only an organization's last, ended run.")
    _require_taken(task, run.organization)
    _still_allowed(task)
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(is_current=False)
    _reopen(task, now)
    again = Run.objects.create(
        task=task,
        organization=run.organization,
        input=run.input,
        status_since=now,
        supersedes=run,
    )
    idempotency.settle(key, again.pk)
    touch_task(task.pk)
    record(
        actor=Actor.user(user.pk),
        action="run.again",
        object_type="task",
        object_id=task.pk,
        organization=run.organization_id,
        collaboration=task.collaboration_id,
        run=again.pk,
        supersedes=run.pk,
    )
    wake_nodes(run.organization_id)
    return again, True


def _reopen(task: Task, now: datetime) -> None:
    Task.objects.filter(pk=task.pk).update(
        status=TaskStatus.OPEN,
        finished_at=None,
        deadline_at=now + timedelta(days=task.collaboration.deadline_days),
    )


def _require_taken(task: Task, organization: Organization) -> None:
    """Running again is new work: whatever stops a new task stops it too."""
    collaboration, sites = task.collaboration, [organization.pk]
    try:
        parties.require_consent(task, sites)
        parties.require_open(collaboration)
        parties.require_sender(collaboration, task.organization)
        parties.addressed_study(collaboration, task.study_id, sites)
        if task.status == TaskStatus.FINISHED:
            parties.require_room(collaboration, task.initiator_id)
    except Invalid as refusal:  # nothing of the request is wrong: times have changed
        raise Conflict(refusal.code, refusal.detail) from refusal


def _still_allowed(task: Task) -> None:
    if not authoring.active_versions(task.collaboration).filter(pk=task.version_id):
        raise Conflict("version_withdrawn", "The image is not allowed any more.")


def finish_run(*, run: Run, node: Node) -> None:
    """Complete the run whose result has just been stored, in the same transaction."""
    if run.cancel_requested_at is not None:
        raise Conflict("run_cancelled", "The run was cancelled; discard the result.")
    if not move_run(run, RunStatus.COMPLETED, actor=Actor.node(node.pk)):
        raise Conflict("attempt_stale", "The run has moved on.")


def _record_created(task: Task, runs: list[Run]) -> None:
    """One event for whoever sent it, and one for each site that is asked to run it."""
    actor = Actor.user(task.initiator_id)
    created = event_of(
        actor=actor,
        action="task.created",
        object_type="task",
        object_id=task.pk,
        organization=task.organization_id,
        collaboration=task.collaboration_id,
        organizations=[run.organization_id for run in runs],
    )
    asked = [
        event_of(
            actor=actor,
            action="run.queued",
            object_type="run",
            object_id=run.pk,
            organization=run.organization_id,
            collaboration=task.collaboration_id,
            task=task.pk,
        )
        for run in runs
    ]
    record_all([created, *asked])
