"""The newest tasks that a reader may see, without looking at all the others.

`visible_to` walks from the newest task on and asks each; who sees one in ten thousand
would wait. Here each reason to see a task walks its own index, and stops after a page.
"""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.organizations.models import Membership
from apps.tasks.models import Run, Task
from apps.tasks.selectors import reasons

Conditions = dict[str, Any]
INDEXED = {"collaboration", "organization", "initiator"}


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
    everybody, organization, initiator = reasons(user)
    own = list(Membership.objects.filter(user=user).values_list("organization"))
    tasks = Task.objects.filter(**conditions).order_by(order).values("pk")
    return [
        tasks.filter(**initiator),
        *(
            tasks.filter(**everybody).filter(collaboration=collaboration)
            for collaboration in Collaboration.objects.visible_to(user)
        ),
        *(tasks.filter(**organization).filter(organization=pk) for (pk,) in own),
        *(_at_site(pk, tasks, conditions, order) for (pk,) in own),
    ]


def _at_site(
    site: int, tasks: QuerySet[Any, Any], conditions: Conditions, order: str
) -> QuerySet[Any, Any]:
    """Tasks with a run at the site: by the site's runs, or by a narrower index."""
    runs = Run.objects.filter(organization=site)
    if conditions.keys() & INDEXED:
        return tasks.filter(Exists(runs.filter(task=OuterRef("pk"))))
    of_task = {f"task__{name}": value for name, value in conditions.items()}
    found = runs.filter(**of_task).order_by(order.replace("pk", "task_id"))
    return found.values("task_id").distinct()
