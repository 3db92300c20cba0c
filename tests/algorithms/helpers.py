"""Small worlds for the tests of `summary`: a table in a file, and the site's rules."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from algorithms.summary.arguments import Request
from algorithms.summary.disclosure import SiteRules
from algorithms.summary.summary import summarize

OPEN = SiteRules(minimum=0, extremes=True)
STRICT = SiteRules(minimum=10, extremes=False)


def write_table(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def summary(
    path: Path,
    *columns: str,
    group_by: str | None = None,
    extremes: bool = False,
    rules: SiteRules = STRICT,
) -> dict[str, Any]:
    return summarize(str(path), Request(list(columns), group_by, extremes), rules)


def cell(result: dict[str, Any], column: str, group: str = "all") -> dict[str, Any]:
    found: dict[str, Any] = result["columns"][column]["groups"][group]
    return found
