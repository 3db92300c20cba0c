"""Tables as CSV, for spreadsheets: what a stranger wrote never runs as a formula."""

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

from django.http import HttpResponse

from apps.formulas import BYTE_ORDER_MARK, harmless
from apps.results.tables import Group, Line, Table


def csv_response(table: Table, name: str) -> HttpResponse:
    """Return the table as a download; nothing of `name` comes from a stranger."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.write(csv_text(table))
    return response


def csv_text(table: Table) -> str:
    file = io.StringIO()
    file.write(BYTE_ORDER_MARK)
    writer = csv.writer(file)
    writer.writerow(map(_written, _headings(table)))
    for group in table.groups():
        for line in group.lines:
            writer.writerow(map(_written, _values(table, group, line)))
    return file.getvalue()


def _headings(table: Table) -> Iterator[str]:
    yield from table.view.keys
    if table.of_task:
        yield "Site"
    yield from (column.heading for column in table.columns)
    if table.combines:
        yield "Note"


def _values(table: Table, group: Group, line: Line) -> Iterator[Any]:
    yield from islice(chain(group.path, repeat("")), len(table.view.keys))
    if table.of_task:
        yield line.answer.site if line.answer else table.combined_name
    yield from (cell.value for cell in line.cells)
    if table.combines:
        yield " ".join(line.notes)


def _written(value: Any) -> Any:
    """Numbers stay numbers; a text that could be a formula becomes plainly a text."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return harmless(text)
