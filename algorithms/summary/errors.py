"""The one way in which this algorithm says no."""

import json
from collections.abc import Iterable


class Refused(Exception):
    """The request cannot or may not be answered; the sentence holds no data value."""


def quote(names: Iterable[str]) -> str:
    """Return names that the researcher sent, safe to print on one line."""
    return ", ".join(json.dumps(name) for name in names)
