"""Where in a TOML text a setting stands, so that a mistake can be told with its line.

Python's own reader keeps no places. This one knows headers and keys at the beginning
of a line, as people write them; for anything else it names the nearest header.
"""

import re
from collections import Counter

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w.-])+)\s*=""")
_STEP = re.compile(r"\.?([^.\[\]]+|\[\d+\])")


def line_of(text: str, where: str) -> int | None:
    """The line, from 1, of a setting like `policy.rules[0].images`."""
    places = _places(text)
    steps = _STEP.findall(_plain(where))
    for length in range(len(steps), 0, -1):
        found = places.get(".".join(steps[:length]))
        if found is not None:
            return found
    return None


def _places(text: str) -> dict[str, int]:
    places: dict[str, int] = {}
    counted: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _plain(header[2])
            places.setdefault(table, number)
            if header[1] == "[[":
                table, name = f"{table}.[{counted[table]}]", table
                counted[name] += 1
                places[table] = number
        elif key := _KEY.match(line):
            path = ".".join(filter(None, [table, _plain(key[1])]))
            places.setdefault(path, number)
    return places


def _plain(name: str) -> str:
    return re.sub(r"[\"']|\s+", "", name)
