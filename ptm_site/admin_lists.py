"""Lists of the administration: paged by id, filtered by what the reader may see."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.views import ChangeList

from apps.accounts.models import User
from ptm_site.pages import reader_of
from ptm_site.paging import id_from, page_of

PLACES = ("before", "after")
SHOWN_CHOICES = 100
SPANS = {
    "hour": ("The last hour", timedelta(hours=1)),
    "day": ("The last 24 hours", timedelta(days=1)),
    "week": ("The last 7 days", timedelta(days=7)),
    "month": ("The last 30 days", timedelta(days=30)),
}

Filter = type[SimpleListFilter]
Rows = QuerySet[Any]


class KeysetPaginator:
    """Only says which template shows the way to the pages beside this one."""

    template_name = "admin/keyset_pages.html"


class KeysetChangeList(ChangeList):
    """A list that costs the same at any depth: newest first, by id, never counted."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {key: value for key, value in found.items() if key not in PLACES}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Another filter begins at the newest row again."""
        text: str = super().get_query_string(new_params, [*(remove or ()), *PLACES])
        return text

    def get_results(self, request: HttpRequest) -> None:
        self.page = page_of(self.queryset, request.GET, self.list_per_page)
        self.result_list = self.page.rows
        self.result_count = self.full_result_count = len(self.page.rows)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False
        self.paginator = KeysetPaginator()


def choice_filter(
    title: str, parameter: str, choices: Iterable[tuple[Any, Any]], field: str = ""
) -> Filter:
    """Filter by one of a few fixed values."""
    shown = [(value, str(label).capitalize()) for value, label in choices]

    def narrow(rows: Rows, value: str) -> Rows:
        known = value in dict(shown)
        return rows.filter(**{field or parameter: value}) if known else rows.none()

    return _filter(title, parameter, lambda reader: shown, narrow)


def listed_filter(
    title: str, parameter: str, values: Callable[[], Iterable[str]]
) -> Filter:
    """Filter by one of the values that there are when the list is shown."""

    def offered(reader: User) -> list[tuple[Any, Any]]:
        return [(value, value) for value in values()]

    return _filter(
        title, parameter, offered, lambda rows, value: rows.filter(**{parameter: value})
    )


def scoped_filter(
    title: str, parameter: str, rows_of: Callable[[User], Rows], field: str = ""
) -> Filter:
    """Filter by a related object, offering those that the reader may see."""

    def offered(reader: User) -> list[tuple[Any, Any]]:
        return [(row.pk, str(row)) for row in rows_of(reader)[:SHOWN_CHOICES]]

    def narrow(rows: Rows, value: str) -> Rows:
        pk = id_from(value)
        return rows.none() if pk is None else rows.filter(**{field or parameter: pk})

    return _filter(title, parameter, offered, narrow)


def object_filter(kind: str) -> Filter:
    """Filter the audit by one object, for the link from its page: none is offered."""

    def narrow(rows: Rows, value: str) -> Rows:
        pk = id_from(value)
        return (
            rows.none() if pk is None else rows.filter(object_type=kind, object_id=pk)
        )

    return _filter(kind, kind, lambda reader: [], narrow)


def since_filter(field: str) -> Filter:
    """Filter by how long ago a time lies."""

    def narrow(rows: Rows, value: str) -> Rows:
        if value not in SPANS:
            return rows.none()
        return rows.filter(**{f"{field}__gte": timezone.now() - SPANS[value][1]})

    shown = [(name, label) for name, (label, _) in SPANS.items()]
    return _filter("time", "since", lambda reader: shown, narrow)


def query_filter(
    title: str, parameter: str, queries: Mapping[str, tuple[str, Callable[[Any], Rows]]]
) -> Filter:
    """Filter by a named question, which the start page asks too."""

    def narrow(rows: Rows, value: str) -> Rows:
        return queries[value][1](rows) if value in queries else rows.none()

    shown = [(name, label) for name, (label, _) in queries.items()]
    return _filter(title, parameter, lambda reader: shown, narrow)


def _filter(
    title: str,
    parameter: str,
    offered: Callable[[User], list[tuple[Any, Any]]],
    narrow: Callable[[Rows, str], Rows],
) -> Filter:
    class OneFilter(SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
            return offered(reader_of(request))

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            value = self.value()
            return queryset if value is None else narrow(queryset, value)

        def has_output(self) -> bool:
            return bool(self.lookup_choices) or self.value() is not None

    OneFilter.title = title
    OneFilter.parameter_name = parameter
    return cast(Filter, OneFilter)
