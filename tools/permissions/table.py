"""Reads the hand-written tables of tests/rights: one line for a door and what it gives.

GET,POST path >thing @name,name  cell cell …  foreign missing  ; what it is for
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "rights"
AREAS = ("portal", "api", "admin", "live", "node", "work")
WORDS = {
    "yes": "allowed",
    "no": "refused, 403: may see it, may not do this",
    "hide": "answered exactly as if there were no such thing",
    "void": "a list without it",
    "sign": "asked to sign in: 401, a way to the sign-in page, or a closed socket",
    "unfit": "refused, 422: something else about the request does not fit",
    "busy": "refused, 409: another node's",
}


class TableError(Exception):
    """A line that cannot be read; the message says which."""


@dataclass(frozen=True)
class Row:
    area: str
    section: str
    methods: tuple[str, ...]
    path: str
    listed: str  # the thing that a list is searched for
    named: tuple[str, ...]  # things that the body names
    cells: dict[str, str]  # reader: word
    foreign: str
    missing: str
    title: str

    @property
    def name(self) -> str:
        """As pytest calls it."""
        parts = [",".join(self.methods), self.path]
        return " ".join([*parts, *([f">{self.listed}"] if self.listed else ())])


def rows_of(area: str) -> list[Row]:
    return list(_rows(area, (FOLDER / f"{area}.txt").read_text().splitlines()))


def _rows(area: str, lines: list[str]) -> Iterator[Row]:
    section, base, readers = "", "", list[str]()
    for number, line in enumerate(lines, 1):
        first, _, rest = line.partition(" ")
        if first == "##":
            section = rest
        elif first == "base":
            base = rest
        elif first == "door":
            readers = rest.split()[:-2]
        elif line and not line.startswith("#"):
            try:
                yield _row(area, section, base, readers, line)
            except ValueError as error:
                raise TableError(f"{area}.txt, line {number}: {error}") from error


def _row(area: str, section: str, base: str, readers: list[str], line: str) -> Row:
    what, _, title = line.partition(";")
    methods, *parts = what.split()
    count = len(readers) + 2
    door, words = parts[:-count], parts[-count:]
    if len(words) != count or len(door) > 3:
        raise ValueError("not one word for each column")
    cells = dict(zip(readers, words, strict=False))
    if unknown := set(cells.values()) - WORDS.keys():
        raise ValueError(f"unknown words {unknown}")
    paths = [part for part in door if part[0] not in ">@"]
    return Row(
        area=area,
        section=section,
        methods=tuple(methods.split(",")),
        path=base + "".join(paths),
        listed="".join(part[1:] for part in door if part[0] == ">"),
        named=tuple(n for part in door if part[0] == "@" for n in part[1:].split(",")),
        cells=cells,
        foreign=words[-2],
        missing=words[-1],
        title=title.strip(),
    )
