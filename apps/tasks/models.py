from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from apps.algorithms.models import AlgorithmVersion
from apps.audit.choices import ActorKind
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration, Study
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.tasks.choices import ACTIVE, HELD, FailureCode, RunStatus, TaskStatus
from apps.tasks.selectors import RunQuerySet, TaskQuerySet

SHA256 = RegexValidator(r"^[0-9a-f]{64}$")


class Task(models.Model):
    """A computation request."""

    collaboration = models.ForeignKey(
        Collaboration, on_delete=models.PROTECT, related_name="tasks"
    )
    initiator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tasks"
    )
    study = models.ForeignKey(
        Study, on_delete=models.PROTECT, null=True, blank=True, related_name="tasks"
    )
    # The one of the initiator's organizations for which the task was sent.
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="initiated_tasks"
    )
    version = models.ForeignKey(
        AlgorithmVersion, on_delete=models.PROTECT, related_name="tasks"
    )
    function = models.CharField(max_length=100)
    databases = models.JSONField(default=list, blank=True)
    # If some nodes of a site lacked one when it was sent: they do not claim its run.
    columns = models.JSONField(default=list, blank=True, editable=False)
    name = models.CharField(max_length=200)
    purpose = models.TextField(max_length=5000, blank=True)
    visibility = models.CharField(max_length=14, choices=Visibility)
    status = models.CharField(max_length=8, choices=TaskStatus, default=TaskStatus.OPEN)
    # Grows with every change of a run: what a waiting client has seen.
    revision = models.PositiveIntegerField(default=0)
    # A subtask belongs to the run of the central function that asked for it.
    parent_run = models.ForeignKey(
        "tasks.Run",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="subtasks",
    )
    subtask_key = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deadline_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("collaboration", "-id")),
            models.Index(fields=("organization", "-id")),
            models.Index(fields=("initiator", "-id")),
            # Each reason to see a task walks its own: see newest.py.
            models.Index(
                fields=("collaboration", "visibility", "-id"), name="task_newest_shared"
            ),
            models.Index(
                fields=("organization", "visibility", "-id"), name="task_newest_own"
            ),
            models.Index(
                fields=("initiator", "-id"),
                condition=models.Q(status="open"),
                name="task_open_of",
            ),
            models.Index(
                fields=("deadline_at",),
                condition=models.Q(status="open"),
                name="task_open_deadline",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                "parent_run",
                "subtask_key",
                condition=models.Q(parent_run__isnull=False),
                name="subtask_once_per_key",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=TaskStatus.values),
                name="task_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status="open", finished_at=None)
                | models.Q(status="finished", finished_at__isnull=False),
                name="task_finished_has_time",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Input(models.Model):
    """The bytes that runs of a task are given; opaque to the server."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="inputs")
    data = models.BinaryField()
    sha256 = models.CharField(max_length=64, validators=[SHA256])


class Run(models.Model):
    """One organization's execution of a task."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="runs")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="runs"
    )
    input = models.ForeignKey(Input, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=20, choices=RunStatus, default=RunStatus.QUEUED
    )
    status_since = models.DateTimeField()
    # "Run again" makes a new run; the one it supersedes is no longer current.
    is_current = models.BooleanField(default=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="superseded_by"
    )

    # The present assignment: which node holds it, by which of its claims.
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, null=True, related_name="runs"
    )
    claim = models.PositiveBigIntegerField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    retries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=30, choices=FailureCode, blank=True)
    detail = models.CharField(max_length=2000, blank=True)
    log_size = models.PositiveIntegerField(default=0)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=("organization", "id"),
                condition=models.Q(status="queued"),
                name="run_queue",
            ),
            models.Index(
                fields=("node",),
                condition=models.Q(status__in=sorted(HELD)),
                name="run_held",
            ),
            models.Index(
                fields=("finished_at",),
                condition=models.Q(status="failed"),
                name="run_failed",
            ),
            models.Index(
                fields=("status_since",),
                condition=models.Q(status="queued"),
                name="run_waiting",
            ),
            models.Index(fields=("organization", "-task"), name="run_newest_task"),
        )
        constraints = (
            models.UniqueConstraint(
                "task",
                "organization",
                condition=models.Q(is_current=True),
                name="one_current_run",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=RunStatus.values),
                name="run_status_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=sorted(HELD))
                | models.Q(node__isnull=False, claim__isnull=False, attempt__gte=1),
                name="held_run_has_node",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(ACTIVE), finished_at=None)
                | ~models.Q(status__in=sorted(ACTIVE)) & ~models.Q(finished_at=None),
                name="ended_run_has_time",
            ),
        )

    def __str__(self) -> str:
        return f"Run {self.pk}"


class RunEvent(models.Model):
    """History: one row for each change of a run's state."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="history")
    at = models.DateTimeField()
    old = models.CharField(max_length=20, choices=RunStatus)
    new = models.CharField(max_length=20, choices=RunStatus)
    attempt = models.PositiveIntegerField()
    reason = models.CharField(max_length=60, blank=True)
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("id",)


class LogChunk(models.Model):
    """A piece of a run's log; pieces of one attempt join without gap or overlap."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_chunks")
    attempt = models.PositiveIntegerField()
    offset = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ("attempt", "offset")
        constraints = (
            models.UniqueConstraint("run", "attempt", "offset", name="log_no_overlap"),
        )


class IdempotencyKey(models.Model):
    """A key that a client chose for one request, and what the request made."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(max_length=200)
    body_sha256 = models.CharField(max_length=64, validators=[SHA256])
    # A task, or the run that "run again" made.
    object_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint("user", "key", name="idempotency_key_per_user"),
        )
        indexes = (models.Index(fields=("created_at",)),)
