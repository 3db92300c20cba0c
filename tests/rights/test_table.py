"""The tables are read strictly, and the page that is drawn from them is up to date."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.permissions import page, table
from tools.permissions.__main__ import TARGET, main
from tools.permissions.table import AREAS, TableError, rows_of

HEAD = "base /api/\n## Things\ndoor  anon  send  coll  foreign missing\n"


Write = Callable[[str], None]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a table of one line."""
    monkeypatch.setattr(table, "FOLDER", tmp_path)

    def write(line: str) -> None:
        (tmp_path / "api.txt").write_text(HEAD + line + "\n")

    return write


def test_a_line_says_methods_path_list_names_words_and_title(written: Write) -> None:
    written("GET,POST x/{x}/ >x @a,b  sign yes no  hide 404  ; Read x")
    (row,) = rows_of("api")
    assert (row.methods, row.path) == (("GET", "POST"), "/api/x/{x}/")
    assert (row.listed, row.named) == ("x", ("a", "b"))
    assert row.cells == {"anon": "sign", "send": "yes", "coll": "no"}
    assert (row.foreign, row.missing) == ("hide", "404")
    assert (row.section, row.title) == ("Things", "Read x")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("GET x/  sign yes  hide 404", "line 4: unknown words"),
        ("GET x/  sign yes maybe  hide 404", "line 4: unknown words"),
        ("GET x/ y/ z/ w/ sign yes no hide 404", "line 4: not one word"),
    ],
)
def test_a_line_that_is_not_understood_is_named(
    written: Write, line: str, fault: str
) -> None:
    written(line)
    with pytest.raises(TableError, match=fault):
        rows_of("api")


def test_the_page_is_up_to_date_and_says_so_when_it_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"]) == 0
    monkeypatch.setattr("tools.permissions.__main__.page", lambda: "something else")
    assert main(["--check"]) == 1
    assert "python -m tools.permissions" in capsys.readouterr().out


def test_each_line_with_words_is_drawn_once() -> None:
    drawn = TARGET.read_text()
    titled = [row for area in AREAS for row in rows_of(area) if row.title]
    lines = [line for line in drawn.splitlines() if line.count("|") >= 6]
    heads = sum(line.startswith(("|  |", "|---")) for line in lines)
    assert len(lines) - heads == len(titled)


def test_a_cell_says_who_is_meant_where_its_readers_differ(written: Write) -> None:
    written("GET x/  sign yes hide  hide 404  ; Read x")
    (row,) = rows_of("api")
    assert page._sign(row, ("send", "coll")) == "✓ initiator"
    assert page._sign(row, ("send",)) == "✓"
    assert page._sign(row, ("coll",)) == "–"
