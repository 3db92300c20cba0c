"""One thing of which a page or an address is, for whoever may see it.

Pages ask for themselves again and again: each query is written once.
"""

from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.errors import Missing
from apps.prepared import Prepared
from apps.tasks.models import Run, Task
from ptm_site.filters import MAX_ID


def task_or_404(user: User, pk: int) -> Task:
    task: Task = found_or_404(_task, user, pk)
    return task


def run_or_404(user: User, pk: int) -> Run:
    run: Run = found_or_404(_run, user, pk)
    return run


def found_or_404(query: Prepared, user: User, pk: int) -> Any:
    """The one row of a query that is built for a reader and an id."""
    if pk <= MAX_ID:
        for found in query.objects(*kind_of(user), user=user.pk, pk=pk):
            return found
    raise Missing


def kind_of(user: User) -> tuple[bool, bool]:
    """What of a user, besides the id, decides what they may."""
    return user.is_active, user.is_superuser


def asker(active: bool, superuser: bool, user: int) -> User:
    """A user of this kind and id, for a query that is built for all of them."""
    return User(pk=user, is_active=active, is_superuser=superuser)


def _build_task(
    active: bool, superuser: bool, *, user: int, pk: int
) -> QuerySet[Task, Any]:
    tasks = Task.objects.visible_to(asker(active, superuser, user)).filter(pk=pk)
    named: QuerySet[Task] = tasks.select_related(
        "organization", "initiator", "version__algorithm"
    )
    return named.order_by()


def _build_run(
    active: bool, superuser: bool, *, user: int, pk: int
) -> QuerySet[Run, Any]:
    runs = Run.objects.visible_to(asker(active, superuser, user)).filter(pk=pk)
    named: QuerySet[Run] = runs.select_related("organization", "result", "task")
    return named.order_by()


_task = Prepared(_build_task)
_run = Prepared(_build_run)
