"""Whatever a stranger's image returns, pages and tables stay harmless."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from apps.results.charts import MAX_CHARTS, MAX_POINTS, charts_of, exhibits
from apps.results.manifest_views import Column, View
from apps.results.spreadsheets import csv_text
from apps.results.tables import Answer, Table
from tests.pages import browser
from tests.results.pages import answered, describe, look, results
from tests.worlds import World

SCRIPT = "<script>alert(1)</script>"
TEXTS = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'--><svg/onload=alert(1)>",
    "{{ 7|add:7 }}{% include 'error.html' %}",
    "\u202egpj.exe",
    "\x1b[31mred\x1b]8;;http://x\x07",
    "\x00\x08\x7f\x9b",
    "\ud800",
    "x" * 100_000,
    "javascript:alert(1)",
]
DEEP = b'{"columns":' * 10_000 + b"1" + b"}" * 10_000
CONTENTS = {
    "20 MB of JSON": b"[" + b"1," * 10_000_000 + b"1]",
    "10,000 nested objects": DEEP,
    "10,000 nested lists": b"[" * 10_000 + b"]" * 10_000,
    "900 nested lists": b"[" * 900 + b"]" * 900,
    "a huge number": b"[" + b"9" * 500_000 + b"]",
    "no numbers": b'{"columns": {"a": {"groups": {"g": {"n": NaN, "mean": 1e999}}}}}',
    "invalid UTF-8": b'{"columns": "\xff\xc0\xaf"}',
    "a member twice": b'{"columns": 1, "columns": 2}',
    "groups that are a list": b'{"columns": [{"groups": [[], {}, "x", null]}]}',
    "rows that are lists": b'{"columns": {"a": {"groups": {"g": [1, [2]]}}}}',
    "an empty name": b'{"columns": {"": {"groups": {"": {"n": {}, "mean": []}}}}}',
    "not JSON": b"\x00\x01GIF89a" + SCRIPT.encode(),
    "too many rows": b'{"columns": {"a": {"groups": [' + b"{}," * 340_000 + b"{}]}}}",
}


def hostile(text: str) -> bytes:
    """A result whose every name and value is the text."""
    row = {"n": text, "mean": text, text: text}
    groups = {text: row, "g": {"n": 3, "mean": 2.0}}
    return json.dumps({"columns": {text: {"groups": groups}}, text: text}).encode()


class Elements(HTMLParser):
    """Reads a page as a browser does, and holds what could act."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.acting: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        own = (given.get("src") or given.get("href") or "/").startswith(("/", "#", "?"))
        inline = tag == "script" and "src" not in given
        handlers = [name for name in given if name.startswith("on") or name == "style"]
        if not own or inline or handlers or tag in ("style", "iframe", "object"):
            self.acting.append(self.get_starttag_text() or tag)


def assert_harmless(page: str) -> None:
    """Our own elements only: no stranger's tag, no inline script, no foreign link."""
    assert Elements(page).acting == []
    assert SCRIPT not in page


def test_the_check_sees_what_acts() -> None:
    acting = [SCRIPT, "<img src=x onerror=a>", "<a href='http://x'>", "<p style='a'>"]
    assert [len(Elements(text).acting) for text in acting] == [1, 1, 1, 1]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_hostile_text_is_shown_as_text(world: World, text: str) -> None:
    describe(world)
    task = answered(world, hostile(text), hostile(text))
    for path in (f"/tasks/{task.pk}/", f"/results/{results(task)[0].pk}/"):
        page = look(world, path)
        assert_harmless(page)
        assert len(page) < 400_000
    assert text != SCRIPT or "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("name", CONTENTS)
def test_hostile_bytes_end_in_a_page(world: World, name: str) -> None:
    describe(world)
    task = answered(world, CONTENTS[name])
    (result,) = results(task)
    for path in (f"/tasks/{task.pk}/", f"/results/{result.pk}/"):
        page = look(world, path)
        assert_harmless(page)
        assert len(page) < 700_000
    answer = browser(world).get(f"/results/{result.pk}/table/1.csv")
    assert answer.status_code in (200, 409)


@pytest.mark.parametrize("name", CONTENTS)
def test_hostile_bytes_do_not_spoil_another_sites_numbers(
    world: World, name: str
) -> None:
    describe(world)
    fair = json.dumps({"columns": {"age": {"groups": {"f": {"n": 20, "mean": 50.5}}}}})
    task = answered(world, CONTENTS[name], fair.encode())
    page = look(world, f"/tasks/{task.pk}/")
    assert re.search(f"{world.sites[1].name}.*?>20<.*?>50.500<", page, re.DOTALL)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 10_000, b'{"kwargs": "\\ud800"}'])
def test_an_input_of_any_bytes_has_a_page(world: World, data: bytes) -> None:
    (result,) = results(answered(world, b"1"))
    result.run.task.inputs.update(data=data)
    assert "No named arguments" in look(world, f"/results/{result.pk}/")


def test_hostile_arguments_are_shown_as_text(world: World) -> None:
    task = answered(world, b"1", arguments={"columns": [SCRIPT, "\u202ex"]})
    page = look(world, f"/results/{results(task)[0].pk}/")
    assert_harmless(page)
    assert "&lt;script&gt;" in page


def cells_of(*values: Any) -> list[str]:
    """Write the values into a CSV file, and read its one line again."""
    columns = tuple(Column(f"c{index}") for index in range(len(values)))
    row = dict(zip((column.name for column in columns), values, strict=True))
    view = View(1, "table", "T", "", columns=columns)
    text = csv_text(Table(view, [Answer("A", 0, row, 1)]))
    _, line = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return line


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\ttext",
        "\rtext",
        " =1+1",
        "\ufeff=1",
        "\uff1d1+1",
        '=HYPERLINK("http://x","y")',
        "=cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
    ],
)
def test_a_text_that_could_be_a_formula_is_a_text(formula: str) -> None:
    assert cells_of(formula) == [f"'{formula}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-5, "-5"),
        (-0.1, "-0.1"),
        (1e-300, "1e-300"),
        (10**30, str(10**30)),
        (None, ""),
        (True, "true"),
        ("1-2", "1-2"),
        ("a=b", "a=b"),
        ('say "hi", twice', 'say "hi", twice'),
        ("two\nlines", "two\nlines"),
    ],
)
def test_numbers_stay_numbers_and_texts_stay_texts(value: Any, text: str) -> None:
    assert cells_of(value, 1) == [text, "1"]


def test_headings_and_names_of_rows_are_guarded_too() -> None:
    view = View(1, "table", "T", "/*", keys=("+Key",), columns=(Column("=a"),))
    text = csv_text(Table(view, [Answer("@site", 0, {"=k": {"=a": 1}}, 1)], sites=1))
    heading, line = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert heading == ["'+Key", "Site", "'=a"]
    assert line == ["'=k", "'@site", "1"]


def test_a_chart_has_only_numbers_that_can_be_drawn_and_visible_texts() -> None:
    values: list[Any] = [1, 2.5, float("nan"), float("inf"), "3", None, True, 10**99]
    names = [f"\u202e\x1b{index}" for index in range(len(values))]
    value = dict(zip(names, values, strict=True))
    view = View(1, "bar", "T", "/*", keys=("Name",), x="Name")
    (chart,) = charts_of(Table(view, [Answer("A", 0, value, 1)]))
    (series,) = json.loads(chart.figure)["series"]
    assert series["y"] == [1, 2.5, None, None, None, None, None, 10**99]
    assert series["x"] == [f"\ufffd\ufffd{index}" for index in range(len(values))]


def test_charts_are_bounded_and_say_so() -> None:
    value = {f"f{f}": {f"x{x}": 1 for x in range(50)} for f in range(100)}
    view = View(1, "bar", "T", "/*/*", keys=("F", "X"), x="X")
    (exhibit,) = exhibits([Table(view, [Answer("A", 0, value, 1)])])
    points = sum(len(s.x) for chart in exhibit.charts for s in chart.series)
    assert points <= MAX_POINTS
    assert len(exhibit.drawn) == MAX_CHARTS
    assert f"Of the first {points:,} rows only." in exhibit.caption
