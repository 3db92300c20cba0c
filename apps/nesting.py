"""What is in a JSON value: how deep it is nested, and its texts."""

import re
from collections.abc import Iterator
from typing import Any

UNFIT = re.compile("[\x00\ud800-\udfff]")


def shallower_than(value: Any, depth: int) -> bool:
    """Whether it has fewer than `depth` levels, counted without recursion."""
    level = [value]
    for _ in range(depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return True
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in the JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from texts_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from texts_in(child)


def fit_to_store(value: Any) -> bool:
    """Whether no text of it holds NUL or half of a surrogate pair."""
    return not any(UNFIT.search(text) for text in texts_in(value))
