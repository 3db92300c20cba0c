"""JSON from strangers: bounded in size and depth, and strictly JSON."""

import json
import math
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from apps.errors import Refusal
from apps.nesting import shallower_than

MAX_DEPTH = 64
MAX_DIGITS = 1000
TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"


class BoundedJSONParser(JSONParser):
    def parse(self, stream: Any, media_type: Any = None, context: Any = None) -> Any:
        limit = settings.MAX_INPUT_BYTES + 64 * 1024  # the input and its envelope
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise Refusal("body_too_large", "The request is too large.", status=413)
        try:
            return strict_json(raw.decode("utf-8"))
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error


def strict_json(text: str) -> Any:
    """Read what every reader reads alike; ValueError says why something is not."""
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_whole,
            parse_float=_finite,
            object_pairs_hook=_each_name_once,
        )
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    if not shallower_than(value, MAX_DEPTH):
        raise ValueError(TOO_DEEP)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}… has more than {MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large for a number")
    return number


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of one body must not see two different bodies."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name appears twice in one object")
    return members
