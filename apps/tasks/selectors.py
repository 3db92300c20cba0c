from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.selectors import granted
from apps.organizations.models import Membership


def _own_organizations(user: User) -> QuerySet[Any]:
    return Membership.objects.filter(user=user).values("organization")


def _shared(user: User, task: str = "") -> Q:
    """Tasks that their own visibility shows to the user."""
    collaborations = granted(user, "view_collaboration")
    own = _own_organizations(user)
    return Q(**{f"{task}collaboration__in": collaborations}) & (
        Q(**{f"{task}visibility": Visibility.COLLABORATION})
        | Q(**{f"{task}visibility": Visibility.ORGANIZATION})
        & Q(**{f"{task}organization__in": own})
        | Q(**{f"{task}initiator": user}) & Q(**{f"{task}organization__in": own})
    )


class TaskQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Tasks whose visibility names the user, and those that ran at their site."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        at_own_site = self.model.runs.rel.related_model.objects.filter(
            organization__in=_own_organizations(user)
        )
        return self.filter(_shared(user) | Q(pk__in=at_own_site.values("task")))


class RunQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Runs of tasks shown to the user, and all runs of the user's own sites."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(
            _shared(user, "task__") | Q(organization__in=_own_organizations(user))
        )

    def current(self) -> Self:
        return self.filter(is_current=True)


def run_counts(task_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return, for each task, the number of its current runs per state: one query."""
    from apps.tasks.models import Run

    counts: dict[int, dict[str, int]] = {task_id: {} for task_id in task_ids}
    rows = (
        Run.objects.filter(task__in=task_ids, is_current=True)
        .order_by()
        .values("task", "status")
        .annotate(n=models.Count("pk"))
    )
    for row in rows:
        counts[row["task"]][row["status"]] = row["n"]
    return counts
