"""How deep a JSON value is nested, counted without recursion."""

from typing import Any


def shallower_than(value: Any, depth: int) -> bool:
    """Whether `value` has fewer than `depth` levels of lists and objects."""
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
