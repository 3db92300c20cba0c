"""Bars and lines of a view, as plain values; static/js/chart.js draws them."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.results.manifest_views import VALUE, Row, View
from apps.results.tables import Table, shortened

DRAWN = ("bar", "line")
MAX_CHARTS = 12
MAX_POINTS = 4000
FEW_POINTS = 8
# Nothing invisible, and nothing that turns text around: SVG does not isolate it.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass
class Series:
    """Points of one colour; `variant` tells apart those that share a site's colour."""

    name: str
    colour: int | None
    variant: int = 0
    x: list[Any] = field(default_factory=list)
    y: list[float | None] = field(default_factory=list)
    lower: list[float | None] = field(default_factory=list)
    upper: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """One picture; `facet` says which of the view's rows are in it.

    `along` names its lower axis, and is empty where all stands at one place.
    """

    view: View
    facet: str
    series: Sequence[Series]
    along: str

    @property
    def title(self) -> str:
        return " · ".join(filter(None, (self.view.title, self.facet)))

    @property
    def figure(self) -> str:
        """What the script draws, as JSON."""
        figure = {
            "type": self.view.type,
            "title": self.title,
            "x": _label(self.along),
            "y": _label(y_title(self.view)),
            "series": [vars(series) for series in self.series],
        }
        return json.dumps(figure, allow_nan=False)

    @property
    def label(self) -> str:
        """What a screen reader says of the picture."""
        of = f" of {self.facet}" if self.facet else ""
        kind = f"{self.view.type.capitalize()} chart{of}"
        names = ", ".join(series.name for series in self.series)
        return f"{kind}: {_drawn(self.view, self.along)}, for {names}."


@dataclass(frozen=True)
class Exhibit:
    """A view as a page shows it: its charts, if it is drawn, and its table."""

    table: Table
    charts: Sequence[Chart]

    @property
    def drawn(self) -> Sequence[Chart]:
        return self.charts[:MAX_CHARTS]

    @property
    def legend(self) -> list[Series]:
        """One entry for each name; none where the charts need their own."""
        every = {each.name: each for chart in self.drawn for each in chart.series}
        if len(every) < 2 or any(series.variant for series in every.values()):
            return []
        # A site that is in a later chart only still stands before the combined one.
        sites = [_label(answer.site) for answer in self.table.answers]
        ordered = [every.pop(site) for site in sites if site in every]
        return [*ordered, *every.values()]

    @property
    def small(self) -> bool:
        """Whether there are several pictures, each of a few bars."""
        points = [sum(len(each.x) for each in chart.series) for chart in self.drawn]
        return len(points) > 1 and max(points) <= FEW_POINTS

    @property
    def caption(self) -> str:
        """What is drawn, of whom: a sentence that could stand under it in a paper."""
        view, table = self.table.view, self.table
        each = f" for each {' and '.join(facet_keys(table))}" if self.has_facets else ""
        text = f"{_drawn(view, along_axis(table))}{each}, {_of_whom(table)}."
        text += "".join(f" {key}: {_label(name)}." for key, name in table.constants)
        if view.lower and view.upper:
            names = [view.column(name).heading for name in (view.lower, view.upper)]
            text += f" Error bars from {names[0]} to {names[1]}."
        drawn, rows = len(drawn_paths(table)), len(table.paths)
        return text if drawn == rows else f"{text} Of the first {drawn:,} rows only."

    @property
    def has_facets(self) -> bool:
        return any(chart.facet for chart in self.charts)


def exhibits(tables: Iterable[Table]) -> list[Exhibit]:
    """Return what a page shows: every view that finds a row in a result."""
    return [
        Exhibit(table, charts_of(table))
        for table in tables
        if table.paths or table.too_long
    ]


@dataclass
class _Drawing:
    """Collects the points of one chart; series stand in the order of the sites."""

    view: View
    along: str
    series: dict[tuple[int, int], Series] = field(default_factory=dict)
    variants: dict[str, int] = field(default_factory=dict)

    def add(self, at: int, name: str, colour: int | None, row: Row, y: Any) -> Series:
        """Add a point of the site that is number `at`; return the series it is in."""
        within = row.key(self.view, self.view.series) if self.view.series else None
        inner = "" if within is None else _label(within)
        variant = self.variants.setdefault(inner, len(self.variants))
        whole = " · ".join(filter(None, (_label(name), inner)))
        new = Series(whole, colour, variant)
        series = self.series.setdefault((at, variant), new)
        series.x.append(_position(row.key(self.view, _x(self.view))))
        series.y.append(_number(y))
        return series

    def chart(self, facet: str) -> Chart:
        """A series of nothing but gaps is not drawn, nor named beside the chart."""
        ordered = [series for _, series in sorted(self.series.items(), key=_first)]
        drawn = [series for series in ordered if _has_point(series)]
        return Chart(self.view, facet, drawn, self.along)


def _first(item: tuple[tuple[int, int], Series]) -> tuple[int, int]:
    return item[0]


def charts_of(table: Table) -> list[Chart]:
    """Return the charts of a view that is one, without those that have no point."""
    view = table.view
    if view.type not in DRAWN:
        return []
    drawings: dict[str, _Drawing] = {}
    along, wanted = along_axis(table), facet_keys(table)
    for path in drawn_paths(table):
        facet = _facet(view, wanted, path)
        _draw(table, path, drawings.setdefault(facet, _Drawing(view, along)))
    charts = [drawing.chart(facet) for facet, drawing in drawings.items()]
    return [chart for chart in charts if chart.series]


def _draw(table: Table, path: tuple[str, ...], drawing: _Drawing) -> None:
    view = table.view
    for at, (answer, rows) in enumerate(table.rows):
        if path in rows:
            cells = rows[path].cells
            y = cells.get(view.y)
            series = drawing.add(at, answer.site, answer.colour, rows[path], y)
            series.lower.append(_number(cells.get(view.lower)))
            series.upper.append(_number(cells.get(view.upper)))
    column = view.column(view.y)
    if table.combines and column.combine:
        value = table.combined(path, column).value
        row = next(rows[path] for _, rows in table.rows if path in rows)
        drawing.add(len(table.rows), table.combined_name, None, row, value)


def drawn_paths(table: Table) -> list[tuple[str, ...]]:
    """Return the rows that are drawn: MAX_POINTS points, over all sites."""
    return table.paths[: MAX_POINTS // (len(table.rows) + 1)]


def _has_point(series: Series) -> bool:
    return any(value is not None for value in series.y)


def _x(view: View) -> str:
    return view.x or (view.keys[-1] if view.keys else VALUE)


def along_axis(table: Table) -> str:
    """Return the name of the lower axis; none where every row is at the same place."""
    x = _x(table.view)
    fixed = x in dict(table.constants)
    return "" if fixed else table.view.column(x).heading


def y_title(view: View) -> str:
    column = view.column(view.y)
    return view.title if column.heading == VALUE else column.heading


def _drawn(view: View, along: str) -> str:
    return f"{y_title(view)} by {along}" if along else y_title(view)


def _of_whom(table: Table) -> str:
    if not table.of_task:
        return f"at {_label(table.answers[0].site)}"
    number = len(table.rows)
    sites = f"at {number} site{'' if number == 1 else 's'}"
    return f"{sites} and combined" if table.combines else sites


def facet_keys(table: Table) -> list[str]:
    """The keys that tell charts apart: neither along an axis nor the same in all."""
    view = table.view
    told = {_x(view), view.series, *dict(table.constants)}
    return [key for key in view.keys if key not in told]


def _facet(view: View, wanted: Sequence[str], path: tuple[str, ...]) -> str:
    named = zip(view.keys, path, strict=False)
    return ", ".join(_label(name) for key, name in named if key in wanted)


def _label(value: Any) -> str:
    return UNFIT.sub("\ufffd", shortened(str(value)))


def _position(x: Any) -> Any:
    number = _number(x)
    return _label("" if x is None else x) if number is None else number


def _number(value: Any) -> float | int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) and abs(value) < 1e300 else None
