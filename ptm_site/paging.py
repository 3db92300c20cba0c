"""Pages of a list that stay as fast at the millionth row: by id, never by counting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 25
ID_DIGITS = 18


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, newest first, and the query strings of the pages beside them."""

    rows: Sequence[Row]
    previous: str = ""
    next: str = ""


def page_of(rows: QuerySet[Row], query: QueryDict, size: int = PAGE_SIZE) -> Page[Row]:
    """Return the page that `before` or `after` in the address asks for."""
    before, after = id_in(query, "before"), id_in(query, "after")
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])[::-1]
        newer, older = len(found) > size, bool(found)
        found = found[-size:]
    else:
        older_rows = rows if before is None else rows.filter(pk__lt=before)
        found = list(older_rows.order_by("-pk")[: size + 1])
        newer, older = before is not None, len(found) > size
        found = found[:size]
    return Page(
        found,
        previous=at_place(query, "after", found[0].pk) if found and newer else "",
        next=at_place(query, "before", found[-1].pk) if found and older else "",
    )


def id_in(query: QueryDict, name: str) -> int | None:
    """Read a place in the list; anything else is as if it was not there."""
    return id_from(query.get(name, ""))


def id_from(text: str) -> int | None:
    """Read an id that a person or a browser wrote; None if it cannot be one."""
    if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS:
        return int(text)
    return None


def at_place(query: QueryDict, name: str, value: int) -> str:
    """The same address with its filters, at another place of the list."""
    changed = query.copy()
    for place in ("before", "after"):
        changed.pop(place, None)
    changed[name] = str(value)
    return changed.urlencode()
