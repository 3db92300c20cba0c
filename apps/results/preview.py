"""What of a result's bytes may be shown: JSON, up to a bound, or the reason why not.

The one place that reads a stranger's bytes. Whatever they are, it answers in bounded
time with a value that can be written as UTF-8; it never raises.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from apps.results.models import Result

MAX_BYTES = 1024 * 1024
MAX_DIGITS = 100

LONE_SURROGATE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Preview:
    """A JSON value, or one sentence that says why there is none to show."""

    value: Any = None
    reason: str = ""


class _Unshowable(ValueError):
    """The JSON is well-formed, but cannot be shown faithfully."""


def preview_of(result: Result) -> Preview:
    """Return what can be shown of the stored result."""
    if not is_json(result.media_type):
        return Preview(reason="This is not JSON. Download it to look at it.")
    if result.size > MAX_BYTES:
        return Preview(reason="It is too large to show here. Download it instead.")
    try:
        with result.file.open("rb") as file:
            return preview(file.read(MAX_BYTES + 1))
    except OSError:
        return Preview(reason="The server cannot read the stored bytes now.")


def is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def preview(data: bytes) -> Preview:
    """Return the JSON value in `data`, as far as it can be shown faithfully."""
    if len(data) > MAX_BYTES:
        return Preview(reason="It is too large to show here. Download it instead.")
    try:
        text = LONE_SURROGATE.sub(_without_half_pairs, data.decode("utf-8-sig"))
        value = json.loads(text, parse_int=_whole, object_pairs_hook=_members)
    except _Unshowable as reason:
        return Preview(reason=f"{reason} Download it instead.")
    except UnicodeDecodeError:
        return Preview(reason="It is not UTF-8 text. Download it to look at it.")
    except ValueError:
        return Preview(reason="It is not well-formed JSON. Download it to look at it.")
    except RecursionError:
        return Preview(reason="It is nested too deeply to show. Download it instead.")
    return Preview(value)


def _without_half_pairs(escape: re.Match[str]) -> str:
    """Half of a surrogate pair is no character, and cannot be sent to a browser."""
    return r"\ufffd" if escape["lone"] else escape[0]


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Unshowable(f"It holds a number of more than {MAX_DIGITS} digits.")
    return int(digits)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Unshowable("It names a member twice, so that two values compete.")
    return members
