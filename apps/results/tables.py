"""Tables of a view: of one result, or of several sites with what they make together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from apps.results.combining import Combined, combined
from apps.results.manifest_views import (
    MAX_ROWS,
    Column,
    Row,
    View,
    described_columns,
    rows_of,
)

MAX_LINES = 500
MAX_TEXT = 200
DIGITS = 5


@dataclass(frozen=True)
class Answer:
    """What a site has answered. Its `position` among all sites gives its colour."""

    site: str
    position: int
    value: Any
    result_id: int

    @property
    def colour(self) -> int:
        return colour_of(self.position)


def colour_of(position: int) -> int:
    """Return the number of the CSS variable --series-N of a site."""
    return position % 8 + 1


@dataclass(frozen=True)
class Cell:
    value: Any

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def text(self) -> str:
        match self.value:
            case None:
                return "—"
            case bool():
                return str(self.value).lower()
            case int() | float():
                return in_figures(self.value)
            case str():
                return shortened(self.value)
            case list():
                return f"list of {len(self.value):,}"
        return f"object of {len(self.value):,}"

    @property
    def exact(self) -> str:
        """The number with all its digits, where the text has fewer."""
        text = repr(self.value) if self.is_number else ""
        return "" if text == self.text else text


@dataclass(frozen=True)
class Line:
    """One line of a table; `answer` is None for the combined one."""

    cells: Sequence[Cell]
    answer: Answer | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Group:
    """The lines of one row of the view, one for each site that has it."""

    path: tuple[str, ...]
    keys: Sequence[str]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Table:
    """A view over one answer (of a result), or over those of a task's sites."""

    view: View
    answers: Sequence[Answer]
    sites: int | None = None  # how many the task asked

    @property
    def of_task(self) -> bool:
        return self.sites is not None

    @property
    def combined_name(self) -> str:
        if len(self.rows) == self.sites:
            return "Combined"
        return f"Combined, {len(self.rows)} of {self.sites} sites"

    @property
    def too_long(self) -> list[Answer]:
        """The answers with more rows than a table may have; it shows none of them."""
        return [answer for answer, rows in self._found if len(rows) > MAX_ROWS]

    @cached_property
    def _found(self) -> list[tuple[Answer, list[Row]]]:
        return [(answer, rows_of(self.view, answer.value)) for answer in self.answers]

    @cached_property
    def rows(self) -> list[tuple[Answer, dict[tuple[str, ...], Row]]]:
        return [
            (answer, {row.path: row for row in rows})
            for answer, rows in self._found
            if len(rows) <= MAX_ROWS
        ]

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """Every row's names, in the order of the site that has most of them."""
        fullest_first = sorted((rows for _, rows in self.rows), key=len, reverse=True)
        return list(dict.fromkeys(path for rows in fullest_first for path in rows))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        every = [row for _, rows in self.rows for row in rows.values()]
        return described_columns(self.view, every[:MAX_LINES])

    @property
    def combines(self) -> bool:
        several = self.of_task and len(self.rows) > 1
        return several and any(column.combine for column in self.columns)

    @cached_property
    def keys(self) -> list[int]:
        """Which of the view's keys tell rows apart; the others have one name only."""
        places = range(len(self.view.keys))
        names = [{path[at : at + 1] for path in self.paths} for at in places]
        varying = [at for at in places if len(names[at]) > 1]
        return varying or list(places[:1])

    @property
    def constants(self) -> list[tuple[str, str]]:
        """The keys that have the same name in all rows, and that name."""
        places = [at for at in range(len(self.view.keys)) if at not in self.keys]
        path = self.paths[0] if self.paths else ()
        return [(self.view.keys[at], path[at]) for at in places if at < len(path)]

    @property
    def headings(self) -> list[str]:
        return [self.view.keys[at] for at in self.keys]

    def groups(self) -> Iterator[Group]:
        for path in self.paths:
            keys = [path[at] if at < len(path) else "" for at in self.keys]
            yield Group(path, keys, list(self._lines(path)))

    def shown(self) -> list[Group]:
        """The groups that a page shows: MAX_LINES lines, or one more than fits."""
        lines_each = len(self.answers) + self.combines
        return list(islice(self.groups(), max(1, MAX_LINES // max(1, lines_each))))

    def _lines(self, path: tuple[str, ...]) -> Iterator[Line]:
        for answer, rows in self.rows:
            if path in rows:
                cells = rows[path].cells
                yield Line([Cell(cells.get(c.name)) for c in self.columns], answer)
        if self.combines:
            yield self.combined_line(path)

    def combined_line(self, path: tuple[str, ...]) -> Line:
        found = [self.combined(path, column) for column in self.columns]
        notes = dict.fromkeys(part.note for part in found if part.note)
        return Line([Cell(part.value) for part in found], notes=tuple(notes))

    def combined(self, path: tuple[str, ...], column: Column) -> Combined:
        given = {
            answer.site: rows[path].cells if path in rows else None
            for answer, rows in self.rows
        }
        return combined(self.view, column, given)


def in_figures(number: float) -> str:
    """Five significant digits, but never fewer than the whole part has."""
    if isinstance(number, int):
        return f"{number:,}"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    if number.is_integer() and abs(number) < 1e15:
        return f"{int(number):,}"
    if number and not 1e-4 <= abs(number) < 1e15:
        return f"{number:.{DIGITS - 1}e}"
    magnitude = math.floor(math.log10(abs(number))) if number else 0
    decimals = max(0, DIGITS - 1 - magnitude)
    return f"{number:,.{decimals}f}"


def shortened(text: str, longest: int = MAX_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
