"""Combines the results of `summary` from several sites into those of the pooled data.

Needs only the Python standard library: copy this file next to your own script, or

    from algorithms.summary.combine import combine
    combined = combine([json.loads(text) for text in results])
    combined["columns"]["age"]["groups"]["all"]["mean"]

Every site sends n, the sum and the sum of squares of its values as exact fractions.
They are added without rounding, so the mean and the variance are those of the pooled
rows, rounded once at the very end, however the rows were split. (With rounded sums
the textbook formula below would lose digits, and the updates of Chan, Golub & LeVeque,
"Algorithms for computing the sample variance", The American Statistician 37 (1983),
would be needed; with exact sums it is exact.)
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

Result = dict[str, Any]
Cell = dict[str, Any]

# Bounded, because a site's text is not ours: 2,000 digits hold any sum of doubles.
FRACTION = re.compile(r"-?[0-9]{1,2000}(?:/[1-9][0-9]{0,1999})?")


class CannotCombine(ValueError):
    """The results do not belong together, or one is not a result of `summary`."""


def mean(n: int, total: Fraction) -> float | None:
    """Return Σx / n in the unit of x, or None without values."""
    return float(total / n) if n else None


def variance(n: int, total: Fraction, squares: Fraction) -> float | None:
    """Return the sample variance (Σx² - (Σx)²/n) / (n - 1), or None if n < 2.

    The unit is that of x, squared. `total` is Σx and `squares` is Σx², both exact.
    """
    return float((squares - total * total / n) / (n - 1)) if n > 1 else None


def combine(results: list[Result]) -> Result:
    """Return the summary of all sites' rows together.

    `results` are the parsed results, one per site, of the same columns and group_by.
    The answer has the shape of a site's result:

        {"sites": 3, "n": 686, "group_by": null,
         "columns": {"age": {"kind": "numeric", "groups": {"all": {
             "n": 686, "missing": 0, "mean": 53.05, "variance": 102.4, "sd": 10.1}}}}}

    Without group_by the only group is "all"; with it there is one per level, and ""
    holds the rows without one. Numeric columns have minimum and maximum where every
    site gave them. Categorical columns have `levels` (rows per level) and `other`
    (rows of levels that a site did not show): where `other` is not 0, a level's count
    is a lower bound. Raises CannotCombine.
    """
    try:
        return _combine(results)
    except (LookupError, TypeError, AttributeError, OverflowError):
        raise CannotCombine("A result does not have the form of summary's.") from None


def _combine(results: list[Result]) -> Result:
    if not results:
        raise CannotCombine("There is no result to combine.")
    first = results[0]
    for result in results:
        if result["group_by"] != first["group_by"]:
            raise CannotCombine("The results were grouped by different columns.")
        if result["columns"].keys() != first["columns"].keys():
            raise CannotCombine("The results are about different columns.")
    return {
        "sites": len(results),
        "n": sum(_count(result["n"]) for result in results),
        "group_by": first["group_by"],
        "columns": {
            name: _column(name, [result["columns"][name] for result in results])
            for name in first["columns"]
        },
    }


def _column(name: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    # A site where every value is missing cannot tell numbers from text: "empty".
    kinds = {part["kind"] for part in parts} - {"empty"} or {"empty"}
    if len(kinds) > 1:
        raise CannotCombine(f"{name!r} holds numbers at one site and text at another.")
    kind = kinds.pop()
    pool = _categories if kind == "categorical" else _numbers
    groups = sorted({group for part in parts for group in part["groups"]})
    return {
        "kind": kind,
        "groups": {
            group: pool([p["groups"][group] for p in parts if group in p["groups"]])
            for group in groups
        },
    }


def _numbers(cells: list[Cell]) -> Cell:
    n = sum(_count(cell["n"]) for cell in cells)
    filled = [cell for cell in cells if cell["n"]]
    total = _add(cell["sum"] for cell in filled)
    squares = _add(cell["sum_of_squares"] for cell in filled)
    spread = variance(n, total, squares)
    if spread is not None and spread < 0:
        raise CannotCombine("The sums in a result contradict each other.")
    pooled: Cell = {
        "n": n,
        "missing": sum(_count(cell["missing"]) for cell in cells),
        "mean": mean(n, total),
        "variance": spread,
        "sd": None if spread is None else math.sqrt(spread),
    }
    if filled and all("minimum" in cell and "maximum" in cell for cell in filled):
        pooled["minimum"] = min(float(cell["minimum"]) for cell in filled)
        pooled["maximum"] = max(float(cell["maximum"]) for cell in filled)
    return pooled


def _categories(cells: list[Cell]) -> Cell:
    levels: Counter[str] = Counter()
    for cell in cells:
        for level, count in cell.get("levels", {}).items():
            levels[level] += _count(count)
    return {
        "n": sum(_count(cell["n"]) for cell in cells),
        "missing": sum(_count(cell["missing"]) for cell in cells),
        "levels": dict(sorted(levels.items())),
        "other": sum(_count(cell.get("other", 0)) for cell in cells),
    }


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise CannotCombine("A count in a result is not a whole number.")
    return value


def _add(texts: Iterable[str]) -> Fraction:
    total = Fraction(0)
    for text in texts:
        if not FRACTION.fullmatch(text):
            raise CannotCombine("A sum in a result is not a fraction.")
        total += Fraction(text)
    return total
