"""The newest tasks that a reader may see, without looking at all the others.

`visible_to` walks from the newest task on and asks each; who sees one in ten thousand
would wait. So a page is looked for among the next tasks first, and mostly found there.
If not, each reason to see a task walks its own index, and stops after a page.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet, Subquery, Value
from django.db.models.functions import Concat

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.organizations.models import Membership
from apps.tasks.models import Run, Task

Conditions = dict[str, Any]
NEAR = 500


@dataclass(frozen=True)
class Search:
    """Visible tasks that meet the conditions, from a place in the list on.

    `place` is the last task that was seen; the tasks older than it come next, or the
    newer ones if `upwards`.
    """

    user: User
    conditions: Conditions
    place: int | None = None
    upwards: bool = False

    def at(self, place: int | None, *, upwards: bool) -> "Search":
        return replace(self, place=place, upwards=upwards)

    def near(self) -> QuerySet[Task]:
        """Those of the next NEAR tasks: enough if they fill a page."""
        tasks: QuerySet[Task] = Task.objects.visible_to(self.user)
        # The name as no index has it: a plan that PostgreSQL keeps for all searches
        # would look for a name among all tasks, and not among these.
        tasks = tasks.alias(near_name=Concat("name", Value("")))
        conditions = {
            name.replace("name__icontains", "near_name__icontains"): value
            for name, value in self.conditions.items()
        }
        return tasks.filter(**conditions).filter(**self._next(), **self._near())

    def all(self, count: int) -> QuerySet[Task]:
        """At least the first `count`."""
        order = "pk" if self.upwards else "-pk"
        conditions = {**self.conditions, **self._next()}
        return nearest_tasks(self.user, conditions, order, count)

    def _next(self) -> Conditions:
        if self.place is None:
            return {}
        return {"pk__gt" if self.upwards else "pk__lt": self.place}

    def _near(self) -> Conditions:
        if self.upwards:
            return {"pk__lte": Value(self.place or 0) + NEAR}
        if self.place is not None:
            return {"pk__gte": Value(self.place) - NEAR}
        newest = Task.objects.order_by("-pk").values("pk")[:1]
        return {"pk__gt": Subquery(newest) - NEAR}


def nearest_tasks(
    user: User, conditions: Conditions, order: str, count: int
) -> QuerySet[Task]:
    """Return visible tasks that meet the conditions: at least the first `count`.

    `order` is "pk" or "-pk": which ones are the first.
    """
    if user.is_superuser:
        return Task.objects.filter(**conditions)
    walks = [
        Task.objects.filter(pk__in=walk[:count]).order_by().values("pk")
        for walk in _walks(user, conditions, order)
    ]
    found = walks[0].union(*walks[1:], all=True)
    visible: QuerySet[Task] = Task.objects.visible_to(user).filter(pk__in=found)
    return visible


def _walks(user: User, conditions: Conditions, order: str) -> list[QuerySet[Any, Any]]:
    """One walk for each value of an index: several at once would have to be sorted."""
    own = list(
        Membership.objects.filter(user=user).values_list("organization", flat=True)
    )
    visible = Collaboration.objects.visible_to(user)
    if "collaboration" in conditions:
        visible = visible.filter(pk=conditions["collaboration"])
    theirs = list(visible.values_list("pk", flat=True))
    tasks = Task.objects.filter(**conditions).order_by(order).values("pk")
    shared = tasks.filter(visibility=Visibility.COLLABORATION)
    within = tasks.filter(collaboration__in=theirs)
    for_own = within.filter(visibility=Visibility.ORGANIZATION)
    return [
        within.filter(initiator=user, organization__in=own),
        *(shared.filter(collaboration=pk) for pk in theirs),
        *(for_own.filter(organization=pk) for pk in own),
        *(_at_site(pk, conditions, order) for pk in own),
    ]


def _at_site(site: int, conditions: Conditions, order: str) -> QuerySet[Any, Any]:
    """Tasks with a run at the site: by the site's runs, or by what the tasks are."""
    of_task = {f"task__{name}": value for name, value in conditions.items()}
    found = Run.objects.filter(organization=site, **of_task)
    return found.order_by(order.replace("pk", "task_id")).values("task_id").distinct()
