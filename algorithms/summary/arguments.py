"""What the researcher asked for, checked again where the data are."""

import json
from dataclasses import dataclass
from typing import Any

from .errors import Refused

MAX_COLUMNS = 100
MAX_NAME = 200


@dataclass(frozen=True)
class Request:
    """The arguments of the function `summary`."""

    columns: list[str]
    group_by: str | None = None
    extremes: bool = False


def parse_request(text: str) -> Request:
    """Read the input file's JSON: {"method": "summary", "kwargs": {...}}."""
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("The input is not JSON.") from None
    if not isinstance(call, dict) or call.get("method") != "summary":
        raise Refused('The input must name the method "summary".')
    arguments = call.get("kwargs")
    if call.get("args") or not isinstance(arguments, dict):
        raise Refused("The arguments must be named, in an object called kwargs.")
    return _request(**_only_known(arguments))


def _only_known(arguments: dict[str, Any]) -> dict[str, Any]:
    if unknown := arguments.keys() - Request.__dataclass_fields__.keys():
        raise Refused(f"{len(unknown)} argument(s) are not known to summary.")
    return arguments


def _request(
    columns: Any = None, group_by: Any = None, extremes: Any = False
) -> Request:
    if not isinstance(columns, list) or not all(map(_is_name, columns)):
        raise Refused("columns must be a list of column names.")
    if not 1 <= len(columns) <= MAX_COLUMNS or len(set(columns)) < len(columns):
        raise Refused(f"columns must be 1 to {MAX_COLUMNS} different names.")
    if group_by is not None and not _is_name(group_by):
        raise Refused("group_by must be a column name or null.")
    if not isinstance(extremes, bool):
        raise Refused("extremes must be true or false.")
    return Request(columns, group_by, extremes)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME
