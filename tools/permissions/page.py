"""Draws docs/permissions.md from the tables: few columns, one sign in each cell."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from tools.permissions.table import AREAS, Row, rows_of

INTRO = Path(__file__).parent / "intro.md"
TITLES = {
    "portal": "In the portal",
    "api": "Through the API",
    "admin": "In the administration",
    "live": "What an open page hears",
    "node": "What a node may ask",
    "work": "What a node hears",
}
SIGNS = {"yes": "✓", "no": "✗", "unfit": "✗", "busy": "✗"}
NOTHING = "–"
# Heading of a column, and the readers of the tables that it stands for.
PEOPLE = {
    "Platform admin": ("plat",),
    "Collab. admin": ("mgr",),
    "Viewer": ("view",),
    "Re&shy;searcher": ("send", "coll"),
    "Steward": ("stew",),
    "Org. admin": ("adm",),
    "Another org.": ("part", "padm", "byst"),
    "Outside": ("inv", "riv", "radm", "lone"),
}
MACHINES = {
    "People": tuple(name for names in PEOPLE.values() for name in names),
    "The node": ("node",),
    "Another node of the organization": ("node2",),
    "Other organizations' nodes": ("pnode", "rnode"),
    "Revoked": ("rev",),
}
# Where the readers of a column differ: which of them are meant.
CALLED = {
    ("send",): "initiator",
    ("part",): "researcher",
    ("riv", "lone"): "no admin",
    ("part", "padm"): "addressed",
    ("padm", "byst"): "admin",
    ("padm",): "admin",
    ("inv",): "invited",
    ("inv", "radm"): "admin",
    ("radm",): "admin",
}


def page() -> str:
    return "\n".join([INTRO.read_text().rstrip(), *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for area in AREAS:
        yield from ("", f"## {TITLES[area]}")
        for section, rows in groupby(rows_of(area), key=lambda row: row.section):
            drawn = [row for row in rows if row.title]
            if drawn:
                yield from ("", f"### {section}", "", *_table(drawn))


def _table(rows: list[Row]) -> Iterator[str]:
    columns = MACHINES if "node2" in rows[0].cells else PEOPLE
    yield "| " + " | ".join(["", *columns]) + " |"
    yield "|---" + "|:-:" * len(columns) + "|"
    for row in rows:
        signs = (_sign(row, readers) for readers in columns.values())
        yield "| " + " | ".join([_what(row), *signs]) + " |"


def _what(row: Row) -> str:
    anyone = " (anyone)" if row.cells["anon"] == "yes" else ""
    if row.area not in ("api", "node"):
        return row.title + anyone
    path = row.path.replace("/api/v1/", "")
    return f"{row.title}{anyone}<br>`{' '.join(row.methods)} {path}`"


def _sign(row: Row, readers: Iterable[str]) -> str:
    """One sign if all readers have it; else the strongest, and whose it is."""
    signs = {name: SIGNS.get(row.cells[name], NOTHING) for name in readers}
    found = [sign for sign in ("✓", "✗", NOTHING) if sign in signs.values()]
    if len(found) == 1:
        return found[0]
    strongest, rest = found[0], [sign for sign in found[1:] if sign != NOTHING]
    whose = tuple(name for name, sign in signs.items() if sign == strongest)
    return ", ".join([f"{strongest} {CALLED[whose]}", *rest])
