"""The function `summary`: what is known of each column, in each group."""

from collections.abc import Iterable, Iterator
from typing import Any

from .arguments import Request
from .cells import Levels, Numbers, Unsuitable
from .disclosure import SiteRules, shown_levels, too_small
from .errors import Refused, quote
from .table import parse_number, read_rows

MAX_GROUPS = 100
EVERYONE = "all"
WITHOUT_GROUP = ""

Cell = Numbers | Levels
Row = list[str | None]
Groups = dict[str, list[Cell]]


def summarize(path: str, request: Request, rules: SiteRules) -> dict[str, Any]:
    """Return the summary of the CSV table at `path`, or raise Refused.

    The table is read twice: once to tell numbers from text, so that a column is of one
    kind in all groups, and once to add up.
    """
    if request.extremes and not rules.extremes:
        raise Refused("This site does not share minimum and maximum.")
    kinds = _find_kinds(read_rows(path, request.columns), len(request.columns))
    groups = _add_up(_grouped_rows(path, request), request.columns, kinds)
    _check_sizes(groups, request, rules.minimum)
    return {
        "n": sum(cells[0].n + cells[0].missing for cells in groups.values()),
        "minimum_count": rules.minimum,
        "group_by": request.group_by,
        "columns": {
            name: {
                "kind": kinds[index],
                "groups": _results(groups, index, request.extremes, rules.minimum),
            }
            for index, name in enumerate(request.columns)
        },
    }


def _find_kinds(rows: Iterable[Row], width: int) -> list[str]:
    kinds = ["empty"] * width
    for row in rows:
        for index, text in enumerate(row):
            if text is not None and kinds[index] != "categorical":
                number = parse_number(text)
                kinds[index] = "categorical" if number is None else "numeric"
    return kinds


def _grouped_rows(path: str, request: Request) -> Iterator[tuple[str, Row]]:
    if request.group_by is None:
        for row in read_rows(path, request.columns):
            yield EVERYONE, row
        return
    for group, *row in read_rows(path, [request.group_by, *request.columns]):
        yield WITHOUT_GROUP if group is None else group, row


def _add_up(
    rows: Iterable[tuple[str, Row]], columns: list[str], kinds: list[str]
) -> Groups:
    groups: Groups = {}
    for group, row in rows:
        if group not in groups:
            if len(groups) == MAX_GROUPS:
                raise Refused(f"group_by makes more than {MAX_GROUPS} groups.")
            groups[group] = [
                Levels() if k == "categorical" else Numbers() for k in kinds
            ]
        for name, cell, text in zip(columns, groups[group], row, strict=True):
            if text is None:
                cell.missing += 1
                continue
            try:
                cell.add(text)
            except Unsuitable as reason:
                raise Refused(f"Column {quote([name])}: {reason}.") from None
    return groups


def _check_sizes(groups: Groups, request: Request, minimum: int) -> None:
    if not groups:
        raise Refused("The table has no rows.")
    if any(
        too_small(cells[0].n + cells[0].missing, minimum) for cells in groups.values()
    ):
        raise Refused(f"The table or a group of it has fewer than {minimum} rows.")
    small = [
        name
        for index, name in enumerate(request.columns)
        for cells in groups.values()
        if too_small(cells[index].n, minimum)
        or too_small(cells[index].missing, minimum)
    ]
    if small:
        raise Refused(
            f"Fewer than {minimum} rows have, or fewer than {minimum} lack, a value of"
            f" {quote(dict.fromkeys(small))} in the table or a group of it."
        )


def _results(
    groups: Groups, index: int, extremes: bool, minimum: int
) -> dict[str, dict[str, Any]]:
    cells = {group: groups[group][index] for group in sorted(groups)}
    counters = [cell.counts for cell in cells.values() if isinstance(cell, Levels)]
    shown = shown_levels(counters, minimum)
    return {
        group: cell.result(shown=shown)
        if isinstance(cell, Levels)
        else cell.result(extremes=extremes)
        for group, cell in cells.items()
    }
