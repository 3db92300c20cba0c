"""Files of lines as CSV: what one must be before its lines are looked at."""

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tablib import Dataset

from apps.errors import Invalid
from apps.formulas import BYTE_ORDER_MARK, as_written

LINE = "line"  # a column of ours: where in the file a row stands
BYTES_AT_MOST = 1024 * 1024
ROWS_AT_MOST = 2000
# A German or French Excel writes semicolons.
DELIMITERS = ",;\t"
WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Columns:
    """What the first line of a file names, and which of it every file has."""

    names: tuple[str, ...]
    required: tuple[str, ...]

    def dataset(self, rows: Sequence[Sequence[object]]) -> Dataset:
        return Dataset(*rows, headers=[LINE, *self.names])


def read_file(content: bytes, columns: Columns) -> Dataset:
    """Return the file's rows, each with its line; refuse in one sentence."""
    if len(content) > BYTES_AT_MOST:
        raise _wrong("too_large", "A file has 1 MB at most.")
    lines = _lines(_text(content))
    headings = [cell.strip().lower() for cell in next(iter(lines))[1]]
    _check_headings(headings, columns)
    rows = lines[1:]
    if len(rows) > ROWS_AT_MOST:
        raise _wrong("too_many_rows", f"A file has {ROWS_AT_MOST} lines at most.")
    found = [(number, _row(number, cells, headings)) for number, cells in rows]
    return columns.dataset(
        [[line, *(row.get(name, "") for name in columns.names)] for line, row in found]
    )


def _text(content: bytes) -> str:
    if content.startswith(WIDE):
        raise _wrong(
            "encoding",
            "This file is UTF-16. Save it as “CSV UTF-8” in your spreadsheet.",
        )
    if b"\x00" in content:
        raise _wrong("not_text", "This file holds NUL bytes: it is not a CSV file.")
    try:
        return content.decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _wrong(
            "encoding",
            f"Line {line} is not UTF-8. Save the file as “CSV UTF-8” in your"
            " spreadsheet.",
        ) from error


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Every line that is not blank, with its number in the file."""
    first = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    found = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((reader.line_num, cells))
    except csv.Error as error:
        sentence = f"Line {reader.line_num} is not CSV: a quotation mark or cell is"
        raise _wrong("not_csv", f"{sentence} not closed, or too long.") from error
    if not found:
        raise _wrong("empty", "This file is empty.")
    return found


def _check_headings(headings: list[str], columns: Columns) -> None:
    lacking = [name for name in columns.required if name not in headings]
    unknown = [name for name in headings if name not in columns.names]
    if lacking or unknown or len(set(headings)) < len(headings):
        free = [name for name in columns.names if name not in columns.required]
        raise _wrong(
            "headings",
            f"The first line names the columns: {', '.join(columns.names)}. Each once;"
            f" what may be left out: {', '.join(free)}.",
        )


def _row(number: int, cells: list[str], headings: list[str]) -> dict[str, str]:
    if len(cells) != len(headings):
        many = f"{len(cells)} cells where the first line has {len(headings)}"
        raise _wrong("cells", f"Line {number} has {many}.")
    found = {
        name: as_written(cell.strip())
        for name, cell in zip(headings, cells, strict=True)
    }
    if any(unicodedata.category(sign) == "Cc" for sign in "".join(found.values())):
        hint = "a line break or another control character"
        raise _wrong("control", f"Line {number} holds {hint} within a cell.")
    return found


def _wrong(code: str, sentence: str) -> Invalid:
    return Invalid("file", f"file_{code}", sentence)
