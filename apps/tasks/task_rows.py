"""Tasks as the API shows them: rows of what is shown, read without making objects."""

from functools import reduce
from typing import Any, cast

from django.db.models import Model, QuerySet

from apps.accounts.models import User
from apps.prepared import Prepared
from apps.tasks.models import Task
from apps.tasks.newest import Search

SHOWN = (
    "id",
    "name",
    "purpose",
    "collaboration",
    "study",
    "function",
    "databases",
    "visibility",
    "status",
    "revision",
    "created_at",
    "deadline_at",
    "finished_at",
    "organization",
    "organization__name",
    "initiator",
    "initiator__username",
    "version__digest",
    "version__algorithm__repository",
)
Row = dict[str, Any]


def row_of(task: Task) -> Row:
    """Return the row of a task that is at hand."""
    return {
        name: _key(reduce(getattr, name.split("__"), cast(Any, task))) for name in SHOWN
    }


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value


def rows_of(search: Search, start: int, stop: int) -> list[Row]:
    """Return the rows from `start` to `stop` of what the search finds, in its order."""
    if search.conditions or search.user.is_superuser or not search.user.is_active:
        near = list(_ordered(search.near(), search)[start:stop].values(*SHOWN))
    else:
        near = _near_rows(search, start, stop)
    if len(near) == stop - start:
        return near  # what is farther away does not matter
    return list(_ordered(search.all(stop), search)[start:stop].values(*SHOWN))


def _ordered(tasks: QuerySet[Task], search: Search) -> QuerySet[Task]:
    return tasks.order_by("pk" if search.upwards else "-pk")


def _near_rows(search: Search, start: int, stop: int) -> list[Row]:
    place = {} if search.place is None else {"place": search.place}
    return _near.rows(search.upwards, start, stop, user=search.user.pk, **place)


def _build_near(
    upwards: bool, start: int, stop: int, *, user: int, place: int | None = None
) -> QuerySet[Any, Any]:
    search = Search(User(pk=user), {}, place, upwards)
    near: QuerySet[Any, Any] = _ordered(search.near(), search)[start:stop]
    return near.values(*SHOWN)


_near = Prepared(_build_near)
