"""A manifest's JSON Schemas in words that a reader of the portal understands."""

import json
from dataclasses import dataclass
from typing import Any

NAMES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "null": "nothing",
    "array": "list",
    "object": "object",
}
# What is longer or deeper stands in the schema itself, which the page shows too.
LISTED = 8
DEPTH = 3


@dataclass(frozen=True)
class Argument:
    name: str
    title: str
    description: str
    kind: str
    required: bool
    default: str


def arguments_of(function: dict[str, Any]) -> list[Argument]:
    """Return a row for each argument, the required ones first."""
    schema = function["arguments"]
    required = schema.get("required", [])
    rows = [
        _argument(name, each, name in required)
        for name, each in schema.get("properties", {}).items()
    ]
    return sorted(rows, key=lambda row: not row.required)


def _argument(name: str, schema: Any, required: bool) -> Argument:
    known = schema if isinstance(schema, dict) else {}
    return Argument(
        name,
        title=known.get("title", ""),
        description=known.get("description", ""),
        kind=kind_of(schema),
        required=required,
        default=_value(known["default"]) if known.get("default") is not None else "",
    )


def kind_of(schema: Any, depth: int = DEPTH) -> str:
    """Say what fits: "list of 1 to 100 entries, each text of 1 to 200 characters"."""
    if not isinstance(schema, dict):
        return "anything" if schema is True else "nothing"
    if "const" in schema:
        return f"always {_value(schema['const'])}"
    if "enum" in schema:
        return f"one of {_listed([_value(value) for value in schema['enum']])}"
    for either in ("anyOf", "oneOf"):
        if either in schema and depth:
            found = (kind_of(one, depth - 1) for one in schema[either][:LISTED])
            return ", or ".join(dict.fromkeys(found))
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    return ", or ".join(_of_type(name, schema, depth) for name in names) or "anything"


def _of_type(name: str, schema: dict[str, Any], depth: int) -> str:
    if name == "array":
        return _list(schema, depth)
    if name == "object" and schema.get("properties"):
        return f"object with {_listed(list(schema['properties']))}"
    if name == "string":
        what = str(schema.get("format", NAMES[name]))
        return _of(what, _size(schema, "Length", "character", "characters"))
    if name in ("number", "integer"):
        return ", ".join([NAMES[name], *_bounds(schema)])
    return NAMES[name]


def _list(schema: dict[str, Any], depth: int) -> str:
    entries = _of(NAMES["array"], _size(schema, "Items", "entry", "entries"))
    if "items" not in schema or not depth:
        return entries
    each = kind_of(schema["items"], depth - 1)
    return f"{entries}, each {each}" if entries != "list" else f"list of {each}"


def _bounds(schema: dict[str, Any]) -> list[str]:
    found = [_range(schema.get("minimum"), schema.get("maximum"))]
    if (low := schema.get("exclusiveMinimum")) is not None:
        found.append(f"more than {_value(low)}")
    if (high := schema.get("exclusiveMaximum")) is not None:
        found.append(f"less than {_value(high)}")
    return [each for each in found if each]


def _size(schema: dict[str, Any], of: str, one: str, many: str) -> str:
    """A least size of 0 says nothing."""
    size = _range(schema.get(f"min{of}") or None, schema.get(f"max{of}"))
    unit = one if size.split()[-1:] == ["1"] else many
    return f"{size} {unit}" if size else ""


def _range(low: Any, high: Any) -> str:
    if low is not None and low == high:
        return _value(low)
    if low is not None and high is not None:
        return f"{_value(low)} to {_value(high)}"
    if low is not None:
        return f"at least {_value(low)}"
    return f"at most {_value(high)}" if high is not None else ""


def _of(what: str, size: str) -> str:
    return f"{what} of {size}" if size else what


def _listed(words: list[str]) -> str:
    more = len(words) - LISTED
    return ", ".join(words[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
