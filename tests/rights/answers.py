"""What an answer says, in the words of the tables; and whether two are the same."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.rights.readers import Answer

BY_STATUS = {403: "no", 404: "hide", 409: "busy", 422: "unfit"}
# New in every answer whatever is asked: a form's own marks, and how long ago it was.
NEW = re.compile(
    r'name="(csrfmiddlewaretoken|key)" value="[^"]+'
    r'|(?<=[>"])[0-9.]+ (ms|s|min( [0-9]+ s)?)\b'
)
# Of the moment, and not of what was asked for.
UNCOMPARED = {"Content-Length", "Expires", "RateLimit-Reset", "X-Request-ID"}


def word_of(answer: Answer) -> str:
    """The plain word; whether `hide` is the truth, the comparison says."""
    if answer.to_sign_in:
        return "sign"
    if answer.well:
        return "yes"
    return BY_STATUS.get(answer.status, str(answer.status))


def lists(answer: Answer, path: str, pk: object) -> bool:
    """Whether a list has the row: by its id, or by a link to its page."""
    if answer.headers.get("Content-Type") == "application/json":
        return pk in {row["id"] for row in json.loads(answer.text)["results"]}
    return f"{path.partition('?')[0]}{pk}/" in answer.text


def same(one: Answer, other: Answer, ids: Mapping[Any, Any]) -> bool:
    """Whether two answers differ in nothing but the ids that were asked for."""
    if one.changed != other.changed:
        return False
    if one.status != other.status or _headers(one, {}) != _headers(other, {}):
        return _plain(one, ids.keys()) == _plain(other, ids.values())
    texts = NEW.sub("", one.text), NEW.sub("", other.text)
    return texts[0] == texts[1] or (
        _plain(one, ids.keys()) == _plain(other, ids.values())
    )


def _plain(answer: Answer, ids: Any) -> tuple[int, dict[str, str], str]:
    named = {str(value) for value in ids}
    return answer.status, _headers(answer, named), _without(answer.text, named)


def _headers(answer: Answer, ids: Any) -> dict[str, str]:
    return {
        name: _without(value, ids)
        for name, value in answer.headers.items()
        if name not in UNCOMPARED
    }


def _without(text: str, ids: Any) -> str:
    text = NEW.sub("", text)
    for value in ids:
        text = re.sub(rf"(?<![0-9])(?<!utf-){re.escape(value)}(?![0-9])", "…", text)
    return text
