"""Which columns of its databases the arguments of a function name.

An argument that is the name of a column says so in its JSON Schema by the format
"column". Where a schema offers alternatives (anyOf and the like) nothing is judged.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

FORMAT = "column"


class Named(NamedTuple):
    """A name, and its place in the request such as "arguments/columns/1"."""

    path: str
    name: str


def columns_named(function: Mapping[str, Any], arguments: Any) -> list[Named]:
    """Return every name of a column that the arguments give, in their order."""
    return list(_named(function["arguments"], arguments, "arguments"))


def names_columns(schema: Any) -> bool:
    """Whether any value that fits the schema could name a column."""
    if not isinstance(schema, dict):
        return False
    if schema.get("format") == FORMAT:
        return True
    within = [schema.get("items"), schema.get("additionalProperties")]
    within += _list(schema.get("prefixItems"))
    within += _dict(schema.get("properties")).values()
    return any(map(names_columns, within))


def _named(schema: Any, value: Any, path: str) -> Iterator[Named]:
    if not isinstance(schema, dict):
        return
    if isinstance(value, str):
        if schema.get("format") == FORMAT:
            yield Named(path, value)
    elif isinstance(value, list):
        first = _list(schema.get("prefixItems"))
        for number, member in enumerate(value):
            fits = first[number] if number < len(first) else schema.get("items")
            yield from _named(fits, member, f"{path}/{number}")
    elif isinstance(value, dict):
        known = _dict(schema.get("properties"))
        others = schema.get("additionalProperties")
        for name, member in value.items():
            yield from _named(known.get(name, others), member, f"{path}/{name}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
