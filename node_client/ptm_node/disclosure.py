"""Looks for small counts in a result before it leaves.

A count is a number under one of the site's names for counts, wherever it stands in
JSON: {"n": 12}, a column {"n": [12]}, or a table {"columns": ["n"], "data": [[12]]}.
What is not JSON, or larger than 8 MiB, cannot be looked through.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Status
from ptm_node.sections import Policy

_LOOKED_THROUGH = 8 << 20


def check(result: Path, policy: Policy) -> None:
    """Raises RunFailure (withheld) if the site's policy keeps the result."""
    try:
        counts = list(_counts(_read(result), policy.count_names))
    except _NotLookedThroughError:
        if policy.only_checked:
            raise _withheld(policy, "it could not be looked through") from None
        return
    if any(0 < count < policy.min_count for count in counts):
        reason = f"it holds a count below {policy.min_count}, this site's minimum"
        raise _withheld(policy, reason)


class _NotLookedThroughError(Exception):
    pass


def _read(result: Path) -> Any:
    if result.stat().st_size > _LOOKED_THROUGH:
        raise _NotLookedThroughError
    try:
        return msgspec.json.decode(result.read_bytes())
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _NotLookedThroughError from None


def _counts(content: Any, names: Sequence[str]) -> Iterator[float]:
    waiting = [content]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            waiting += found.values()
            yield from _named(found, names)
            yield from _in_rows(found, names)


def _named(found: dict[str, Any], names: Sequence[str]) -> Iterator[float]:
    for name in names:
        value = found.get(name)
        yield from _numbers(value if isinstance(value, list) else [value])


def _in_rows(table: dict[str, Any], names: Sequence[str]) -> Iterator[float]:
    columns, rows = table.get("columns"), table.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return
    places = [place for place, name in enumerate(columns) if name in names]
    for row in rows:
        if isinstance(row, list):
            yield from _numbers([row[p] for p in places if p < len(row)])


def _numbers(values: list[Any]) -> Iterator[float]:
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield value


def _withheld(policy: Policy, reason: str) -> RunFailure:
    told = reason if policy.share_reasons else "the site does not say why"
    detail = f"the result was withheld: {told}"
    return RunFailure(Code.POLICY_REFUSED, detail, status=Status.WITHHELD)
