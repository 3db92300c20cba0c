"""The views that a manifest describes, and the rows that they find in a result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from apps.tasks.models import Task

VALUE = "value"  # the column of a row that is a single value
MAX_COLUMNS = 50
MAX_ROWS = 10_000

Found = tuple[tuple[str, ...], Any]  # the names that each * stood for, and a value


@dataclass(frozen=True)
class Column:
    """`combine`, `weight` and `mean` are those of docs/algorithms.md."""

    name: str
    title: str = ""
    unit: str = ""
    combine: str = ""
    weight: str = ""
    mean: str = ""

    @property
    def heading(self) -> str:
        title = self.title or self.name
        return f"{title} ({self.unit})" if self.unit else title


@dataclass(frozen=True)
class View:
    number: int
    type: str
    title: str
    data: str
    description: str = ""
    keys: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    complete: bool = False
    x: str = ""
    y: str = VALUE
    lower: str = ""
    upper: str = ""
    series: str = ""

    def column(self, name: str) -> Column:
        """Return how a member is described; a chart may name one that is not."""
        found = (column for column in self.columns if column.name == name)
        return next(found, Column(name))


@dataclass(frozen=True)
class Row:
    """One row of a view: the names that each * stood for, and the row's members."""

    path: tuple[str, ...]
    cells: Mapping[str, Any]

    def key(self, view: View, name: str) -> Any:
        """Return what a chart's `x` or `series` names: a key, or else a member."""
        if name in view.keys[: len(self.path)]:
            return self.path[view.keys.index(name)]
        return self.cells.get(name)


def views_of(task: Task) -> list[View]:
    """Return the views of the task's function; their numbers begin with 1."""
    function = task.version.function(task.function) or {}
    described = function.get("returns", {}).get("views", ())
    return [_view(number, view) for number, view in enumerate(described, 1)]


def _view(number: int, described: dict[str, Any]) -> View:
    columns = tuple(Column(**column) for column in described.get("columns", ()))
    keys = tuple(described.get("keys", ()))
    return View(**{**described, "number": number, "keys": keys, "columns": columns})


def rows_of(view: View, value: Any) -> list[Row]:
    """Return the rows that the view finds; none where the result has another shape.

    Where there are more than MAX_ROWS, MAX_ROWS + 1 of them are returned.
    """
    found: list[Found] = [((), value)]
    for step in view.data.split("/")[1:]:
        found = list(islice(_stepped(found, step), MAX_ROWS + 1))
    ends = (member for end in found for member in _spread(*end))
    return [
        Row(path, member if isinstance(member, dict) else {VALUE: member})
        for path, member in islice(ends, MAX_ROWS + 1)
    ]


def _stepped(found: list[Found], step: str) -> Iterator[Found]:
    for path, parent in found:
        for name, child in _children(parent, step):
            yield ((*path, name) if step == "*" else path), child


def _spread(path: tuple[str, ...], end: Any) -> Iterator[Found]:
    """A list where rows are expected holds a row in each member."""
    if not isinstance(end, list):
        yield path, end
        return
    for index, member in enumerate(end):
        yield (*path, str(index)), member


def _children(parent: Any, step: str) -> Iterator[tuple[str, Any]]:
    """Yield the members that a step of a JSON pointer (RFC 6901) leads to."""
    if isinstance(parent, list):
        members = {str(index): child for index, child in enumerate(parent)}
    else:
        members = parent if isinstance(parent, dict) else {}
    name = step.replace("~1", "/").replace("~0", "~")
    if step == "*":
        yield from members.items()
    elif name in members:
        yield name, members[name]


def described_columns(view: View, rows: list[Row]) -> tuple[Column, ...]:
    """Return the view's columns, or those that the rows themselves suggest."""
    if view.columns:
        return view.columns
    named = [n for n in (view.y, view.lower, view.upper) if n and view.x]
    if view.x and view.x not in view.keys:
        named = [view.x, *named]
    seen = dict.fromkeys(name for row in rows for name in row.cells)
    return tuple(Column(name) for name in (named or list(seen)[:MAX_COLUMNS]))
