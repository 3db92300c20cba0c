"""Makes one value of those of several sites, in the ways that a manifest can name.

The values are taken as exact fractions and rounded once, at the end, so that the order
of the sites does not matter. What a site does not give is never guessed: then there is
no combined value, and a sentence says whose part is missing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from apps.results.manifest_views import Column, View

Number = int | float
LARGEST_WHOLE = 10**15  # beyond it, doubles step over whole numbers


@dataclass(frozen=True)
class Combined:
    value: Number | None = None
    note: str = ""


@dataclass(frozen=True)
class Part:
    """What one site gives: a value x, and how many values it stands for."""

    x: Fraction
    n: Fraction = Fraction(1)
    mean: Fraction = Fraction(0)


class _Withheld(Exception):
    """A site does not give what is needed; the text says what."""


def pooled_mean(parts: Sequence[Part]) -> Fraction | None:
    """Return Σ n·x / Σ n, for x the mean of n values; None if there are no values."""
    n = sum(part.n for part in parts)
    return sum(part.n * part.x for part in parts) / n if n else None


def pooled_variance(parts: Sequence[Part]) -> Fraction | None:
    """Return the sample variance of all values, for x that of n values with `mean`.

    Σ ((n − 1)·x + n·(mean − m)²) / (Σ n − 1), m the pooled mean: the pairwise update
    of Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The
    American Statistician 37 (1983), 242-247, for any number of parts at once. In the
    square of the unit of the values; None if there are fewer than two.
    """
    n = sum(part.n for part in parts)
    if n < 2:
        return None
    mean = sum(part.n * part.mean for part in parts) / n
    within = sum((part.n - 1) * part.x for part in parts)
    between = sum(part.n * (part.mean - mean) ** 2 for part in parts)
    return Fraction(within + between) / (n - 1)


Formula = Callable[[Sequence[Part]], Fraction | None]
FORMULAS: dict[str, Formula] = {
    "sum": lambda parts: sum((part.x for part in parts), Fraction(0)),
    "min": lambda parts: min((part.x for part in parts), default=None),
    "max": lambda parts: max((part.x for part in parts), default=None),
    "mean": pooled_mean,
    "variance": pooled_variance,
}


def combined(
    view: View, column: Column, rows: Mapping[str, Mapping[str, Any] | None]
) -> Combined:
    """Combine a column over the sites that have answered.

    `rows` has the cells of each site by its name, or None where it has no such row.
    """
    if not column.combine:
        return Combined()
    parts: list[Part] = []
    for site, cells in rows.items():
        if cells is None and view.complete:
            continue
        try:
            part = _part(column, view, cells)
        except _Withheld as why:
            return Combined(note=_note(column, site, str(why), rows))
        if part is not None:
            parts.append(part)
    return _rounded(FORMULAS[column.combine](parts))


def _note(
    column: Column,
    site: str,
    why: str,
    rows: Mapping[str, Mapping[str, Any] | None],
) -> str:
    """Say who keeps a combined value away, unless nobody has anything to combine."""
    given = [cells.get(column.name) for cells in rows.values() if cells]
    if all(value is None for value in given):
        return ""
    return f"No combined {column.heading}: {site} {why}."


def _part(column: Column, view: View, cells: Mapping[str, Any] | None) -> Part | None:
    """Return what a site gives, or None where its weight says that there is nothing."""
    if cells is None:
        raise _Withheld("has no such row, or hides it")
    if not column.weight:
        return Part(_number(cells, view.column(column.name)))
    n = _number(cells, view.column(column.weight), least=0)
    if n.denominator != 1:
        raise _Withheld(f"gives no whole {column.weight}")
    if n == 0:
        return None
    if not column.mean:
        return Part(_number(cells, column), n)
    mean = _number(cells, view.column(column.mean))
    if n == 1:  # one value has no variance, and adds none of its own
        return Part(Fraction(0), n, mean)
    return Part(_number(cells, column, least=0), n, mean)


def _number(
    cells: Mapping[str, Any], column: Column, least: float = -math.inf
) -> Fraction:
    value: Any = cells.get(column.name, None)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:
        raise _Withheld(f"gives no number for {column.heading}")
    return Fraction(value)


def _rounded(value: Fraction | None) -> Combined:
    if value is None:
        return Combined()
    if value.denominator == 1 and abs(value) < LARGEST_WHOLE:
        return Combined(int(value))
    try:
        return Combined(float(value))
    except OverflowError:
        return Combined(note="The combined value is larger than a number can be.")
