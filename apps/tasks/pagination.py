from typing import Any, Self

from rest_framework.request import Request

from apps.tasks.newest import Search
from apps.tasks.task_rows import Row, rows_of
from ptm_site.pagination import CursorPagination


class TaskPagination(CursorPagination):
    """Pages of what a search finds: it takes one in place of a queryset."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        _, upwards, place = self.decode_cursor(request) or (0, False, None)
        search: Search = queryset.at(place and int(place), upwards=upwards)
        return super().paginate_queryset(_Rows(search), request, view)  # type: ignore[arg-type]


class _Rows:
    """What the pagination orders, filters and cuts; the search has done the former."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def order_by(self, *_: str) -> Self:
        return self

    def filter(self, **_: Any) -> Self:
        return self

    def __getitem__(self, part: slice) -> list[Row]:
        return rows_of(self.search, part.start, part.stop)
