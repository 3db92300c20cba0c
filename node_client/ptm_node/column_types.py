"""Of what type a column is: of the one that all its values have, else of text."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from ptm_node.messages import Column, ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Stand for no value, in any case.
_MISSING = {"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"}
_BOTH: dict[frozenset[ColumnType], ColumnType] = {
    frozenset(("integer", "number")): "number",
    frozenset(("date", "datetime")): "datetime",
}


def columns_of(
    names: Sequence[str], rows: Iterable[Iterable[ColumnType | None]]
) -> list[Column]:
    """The columns, by the types of each row's values; None says nothing of a column."""
    found: list[set[ColumnType]] = [set() for _ in names]
    for row in rows:
        for types, kind in zip(found, row, strict=False):
            if kind is not None:
                types.add(kind)
    return [
        Column(name, _of_all(types)) for name, types in zip(names, found, strict=True)
    ]


def _of_all(types: set[ColumnType]) -> ColumnType:
    if len(types) == 1:
        return next(iter(types))
    return _BOTH.get(frozenset(types), "text")


def type_of_text(text: str) -> ColumnType | None:
    text = text.strip()
    word = text.casefold()
    if word in _MISSING:
        return None
    if word in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text):
        return "integer"
    if _NUMBER.fullmatch(text):
        return "number"
    return _moment(text) if _DATE.match(text) else "text"


def _moment(text: str) -> ColumnType:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return "text"
    return "date" if _DATE.fullmatch(text) else "datetime"


def type_of_value(value: object) -> ColumnType | None:
    """Of a cell as a library read it, in which a day is a moment at midnight."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, datetime):
        return "date" if value.time() == time.min else "datetime"
    return "date" if isinstance(value, date) else "text"


def type_of_arrow(kind: "pa.DataType") -> ColumnType:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind):
        return "integer"
    if types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_date(kind):
        return "date"
    return "datetime" if types.is_timestamp(kind) else "text"
