"""A JSON value as a flat, bounded list of lines, from which a page nests a tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

MAX_NODES = 2000
MAX_DEPTH = 30
MAX_TEXT = 1000


@dataclass(frozen=True)
class Line:
    """`open` and `close` surround the members of a list or an object."""

    kind: Literal["open", "close", "leaf", "rest"]
    name: str = ""
    text: str = ""
    depth: int = 0


def tree(value: Any) -> list[Line]:
    """Return at most MAX_NODES lines, not counting those that close what was opened."""
    lines: list[Line] = []
    opened = nodes = 0
    for line in _lines("", value, 0):
        if nodes == MAX_NODES and line.kind != "close":
            lines.append(Line("rest", text="The rest is in the download."))
            return lines + [Line("close")] * opened
        opened += (line.kind == "open") - (line.kind == "close")
        nodes += line.kind != "close"
        lines.append(line)
    return lines


def _lines(name: str, value: Any, depth: int) -> Iterator[Line]:
    if not isinstance(value, dict | list) or not value:
        yield Line("leaf", name, _literal(value), depth)
        return
    yield Line("open", name, _size(value), depth)
    if depth + 1 == MAX_DEPTH:
        yield Line("rest", text="Deeper levels are in the download.")
    else:
        for key, child in islice(_members(value), MAX_NODES + 1):
            yield from _lines(key, child, depth + 1)
    yield Line("close")


def _members(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((key[:MAX_TEXT], child) for key, child in value.items())
    else:
        yield from ((str(index), child) for index, child in enumerate(value))


def _size(value: dict[str, Any] | list[Any]) -> str:
    noun = "member" if isinstance(value, dict) else "item"
    return f"{len(value):,} {noun}" + ("" if len(value) == 1 else "s")


def _literal(value: Any) -> str:
    """JSON's own spelling, so that a text "1" differs from the number 1."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            cut = value[:MAX_TEXT]
            return (
                f"“{cut}…” ({len(value):,} characters)" if cut != value else f"“{cut}”"
            )
        case dict():
            return "{ }"
        case list():
            return "[ ]"
    return repr(value)
