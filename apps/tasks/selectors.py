from datetime import timedelta
from typing import Any, Self

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Participation
from apps.collaborations.selectors import granted
from apps.organizations.models import Membership
from apps.prepared import Prepared
from apps.tasks.choices import HELD, RunStatus

LONG_WAIT = timedelta(minutes=10)
LATELY = timedelta(hours=24)


def _own_organizations(user: User) -> QuerySet[Any]:
    return Membership.objects.filter(user=user).values("organization")


def _shared(user: User, task: str = "") -> Q:
    """Whether a task's own visibility shows it: newest.py has the same as walks."""

    def is_so(**conditions: Any) -> Q:
        return Q(**{f"{task}{name}": value for name, value in conditions.items()})

    theirs = is_so(collaboration__in=granted(user, "view_collaboration"))
    own = is_so(organization__in=_own_organizations(user))
    for_own = is_so(visibility=Visibility.ORGANIZATION) | is_so(initiator=user)
    return theirs & (is_so(visibility=Visibility.COLLABORATION) | own & for_own)


class TaskQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Tasks whose visibility names the user, and those that ran at their site."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        # Asked task by task: SQLite would otherwise collect all of them to sort them,
        # and PostgreSQL to look each task up in them, unless equality is not all.
        at_own_site = self.model.runs.rel.related_model.objects.filter(
            task=OuterRef("pk"),
            task__gte=OuterRef("pk"),
            organization__in=_own_organizations(user),
        )
        return self.filter(_shared(user) | Exists(at_own_site))


class RunQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Runs of tasks shown to the user, and all runs of the user's own sites."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(
            _shared(user, "task__") | Q(organization__in=_own_organizations(user))
        )

    def current(self) -> Self:
        return self.filter(is_current=True)

    def concerning(self, participation: Participation) -> Self:
        """Those of the organization, and those of tasks that were sent for it."""
        organization = participation.organization_id
        return self.filter(
            Q(organization=organization) | Q(task__organization=organization),
            task__collaboration=participation.collaboration_id,
        )

    def held(self) -> Self:
        """Those that a node has claimed and not ended."""
        return self.filter(status__in=sorted(HELD))

    def waiting_long(self) -> Self:
        """Queued for longer than a node that looks would leave them."""
        return self.filter(
            status=RunStatus.QUEUED, status_since__lt=timezone.now() - LONG_WAIT
        )

    def failed_lately(self) -> Self:
        return self.filter(
            status=RunStatus.FAILED, finished_at__gt=timezone.now() - LATELY
        )


def run_counts(task_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return, for each task, the number of its current runs per state: one query."""
    counts: dict[int, dict[str, int]] = {task_id: {} for task_id in task_ids}
    if not task_ids:
        return counts
    for row in _counts.rows(**{f"task{n}": pk for n, pk in enumerate(task_ids)}):
        counts[row["task"]][row["status"]] = row["n"]
    return counts


def _build_counts(**tasks: int) -> QuerySet[Any, Any]:
    runs: QuerySet[Any, Any] = apps.get_model("tasks", "Run").objects.order_by()
    current = runs.filter(task__in=tasks.values(), is_current=True)
    counts: QuerySet[Any, Any] = current.values("task", "status").annotate(
        n=models.Count("pk")
    )
    return counts


_counts = Prepared(_build_counts)
