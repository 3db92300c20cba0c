"""Which columns a source of data has; one reader for each type that has any."""

import codecs
import csv
import io
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from ptm_node.column_types import (
    columns_of,
    type_of_arrow,
    type_of_text,
    type_of_value,
)
from ptm_node.extract_files import record_batch
from ptm_node.extraction import result_of
from ptm_node.messages import Column

SAMPLE_ROWS = 1000
_READ_AT_MOST = 16 << 20
_OTHER_SEPARATORS = ";\t|"


class NoColumns(Exception):
    """Why they are not announced, in words for the site."""


def csv_columns(path: Path) -> list[Column]:
    """Types are those of the first rows. Names are stripped, as our algorithms do."""
    rows = csv.reader(io.StringIO(_beginning(path), newline=""))
    try:
        names = [name.strip() for name in next(rows, [])]
        sample = list(islice(rows, SAMPLE_ROWS))
    except csv.Error:
        raise NoColumns("it is no comma-separated text") from None
    _check_header(names)
    if len(names) == 1 and any(mark in names[0] for mark in _OTHER_SEPARATORS):
        raise NoColumns("its columns are not separated by commas")
    return columns_of(names, (map(type_of_text, row) for row in sample))


def _beginning(path: Path) -> str:
    """As many whole lines as are looked at."""
    with path.open("rb") as file:
        data = file.read(_READ_AT_MOST)
        cut = bool(file.read(1))
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=not cut)
    except UnicodeDecodeError:
        raise NoColumns("it is not text in UTF-8") from None
    return text[: text.rfind("\n") + 1] if cut else text


def _check_header(names: Sequence[str]) -> None:
    """Keep values of the first patient from being taken for names."""
    if not any(names):
        raise NoColumns("it has no header with column names")
    if any(type_of_text(name) not in (None, "text") for name in names):
        raise NoColumns("its first line has numbers or dates: is that a header?")


def parquet_columns(path: Path) -> list[Column]:
    from pyarrow import parquet

    schema = parquet.read_schema(path)
    return [Column(field.name, type_of_arrow(field.type)) for field in schema]


def excel_columns(path: Path, sheet: str | None) -> list[Column]:
    """Of the sheet that the site names, or of the only one."""
    from openpyxl import load_workbook

    with path.open("rb") as file:
        book = load_workbook(file, read_only=True, data_only=True)
        if sheet is not None and sheet not in book.sheetnames:
            raise NoColumns("it has no sheet of this name")
        if sheet is None and len(book.sheetnames) > 1:
            raise NoColumns("it has several sheets, and `sheet` names none")
        page: Any = book[sheet or book.sheetnames[0]]
        page.reset_dimensions()  # as large as it is, not as it says
        rows = page.iter_rows(max_row=SAMPLE_ROWS + 1, values_only=True)
        names = ["" if cell is None else str(cell).strip() for cell in next(rows, ())]
        _check_header(names)
        return columns_of(names, (map(type_of_value, row) for row in rows))


def sql_columns(url: str, query: str, seconds: float, stack: ExitStack) -> list[Column]:
    """Of the first rows of a query, which stays open with the stack."""
    result = stack.enter_context(result_of(url, query, seconds))
    names = list(result.keys())
    first: list[Any] = next(result.partitions(SAMPLE_ROWS), [])
    if not first:
        return columns_of(names, ())
    schema = record_batch(names, [tuple(row) for row in first]).schema
    return [Column(field.name, type_of_arrow(field.type)) for field in schema]
