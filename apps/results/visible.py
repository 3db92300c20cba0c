"""One result of which a page or an address is, for whoever may see it."""

from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.prepared import Prepared
from apps.results.models import Result
from apps.tasks.visible import asker, found_or_404


def result_or_404(user: User, pk: int) -> Result:
    result: Result = found_or_404(_result, user, pk)
    return result


def whole_result_or_404(user: User, pk: int) -> Result:
    """With all that a page of it tells, the arguments too."""
    result: Result = found_or_404(_whole, user, pk)
    return result


def _build_visible(
    active: bool, superuser: bool, *, user: int, pk: int
) -> QuerySet[Result, Any]:
    results = Result.objects.visible_to(asker(active, superuser, user)).filter(pk=pk)
    related: QuerySet[Result] = results.select_related("run__organization", "run__task")
    return related.order_by()


def _build_whole(
    active: bool, superuser: bool, *, user: int, pk: int
) -> QuerySet[Result, Any]:
    return _build_visible(active, superuser, user=user, pk=pk).select_related(
        "run__node", "run__input", "run__task__version__algorithm"
    )


_result = Prepared(_build_visible)
_whole = Prepared(_build_whole)
