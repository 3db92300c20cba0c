"""Reads a comma-separated table row by row, so that memory does not grow with it."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from .errors import Refused, quote

MAX_LINE = 1_000_000

# The texts that pandas reads as missing, so that pooled and federated numbers agree.
MISSING = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"]
    + ["1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)
NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)",
    re.ASCII | re.IGNORECASE,
)


def parse_number(text: str) -> float | None:
    """Return the double nearest to a decimal number, or None for any other text."""
    return float(text) if NUMBER.fullmatch(text) else None


def read_rows(path: str, columns: Sequence[str]) -> Iterator[list[str | None]]:
    """Yield the named columns of each row as stripped texts, None where missing."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            yield from _pick(_lines(stream), columns)
    except UnicodeDecodeError:
        raise Refused("The table is not UTF-8 text.") from None
    except csv.Error:
        raise Refused("The table is not well-formed CSV.") from None
    except OSError:
        raise Refused("The table cannot be read.") from None


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise Refused(f"The table has a line of {MAX_LINE} characters or more.")
        yield line


def _pick(lines: Iterator[str], columns: Sequence[str]) -> Iterator[list[str | None]]:
    reader = csv.reader(lines, strict=True)
    header = [name.strip() for name in next(reader, [])]
    indices = [_index(header, name) for name in columns]
    for row in reader:
        if not row:  # a blank line
            continue
        if len(row) != len(header):
            raise Refused(
                f"Line {reader.line_num} of the table does not have as many fields"
                " as its header."
            )
        yield [_text(row[index]) for index in indices]


def _index(header: list[str], name: str) -> int:
    if header.count(name) != 1:
        how_often = "no" if name not in header else "more than one"
        raise Refused(f"The table has {how_often} column {quote([name])}.")
    return header.index(name)


def _text(field: str) -> str | None:
    text = field.strip()
    return None if text in MISSING else text
