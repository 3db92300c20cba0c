"""What of a stranger's bytes is shown: JSON up to bounds; else a reason, no error."""

import json
import time
from typing import Any

import pytest

from apps.results.manifest_views import View, rows_of
from apps.results.preview import MAX_BYTES, MAX_DIGITS, preview
from apps.results.tables import in_figures
from apps.results.tree import MAX_DEPTH, MAX_NODES, MAX_TEXT, Line, tree


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"1", 1),
        (b'{"a": [1, null, true]}', {"a": [1, None, True]}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"1e999", float("inf")),
        (b"-Infinity", float("-inf")),
        ('"é\u202e\x7f"'.encode(), "é\u202e\x7f"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\udc00\ud800x"', "\ufffd\ufffdx"),
        (rb'"\\ud800"', "\\ud800"),
        (b"9" * MAX_DIGITS, int("9" * MAX_DIGITS)),
    ],
)
def test_json_is_shown(data: bytes, value: Any) -> None:
    found = preview(data)
    assert (found.value, found.reason) == (value, "")
    repr(found.value).encode()  # it can be sent to a browser


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not well-formed"),
        (b"{", "not well-formed"),
        (b"'a'", "not well-formed"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\0", "not well-formed"),
        (b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b"9" * (MAX_DIGITS + 1), "more than 100 digits"),
        (b"[" + b"9" * 900_000 + b"]", "more than 100 digits"),
        (b'{"a": 1, "a": 2}', "a member twice"),
        (b'[{"b": {"a": 1, "a": 1}}]', "a member twice"),
        (b'"' + b"x" * MAX_BYTES + b'"', "too large"),
    ],
)
def test_anything_else_has_a_reason(data: bytes, reason: str) -> None:
    found = preview(data)
    assert found.value is None
    assert reason in found.reason


def test_nan_is_told_from_a_number() -> None:
    assert in_figures(preview(b"NaN").value) == "NaN"


def test_the_largest_preview_is_quick() -> None:
    start = time.monotonic()
    value = preview(b"[" + b"[]," * (MAX_BYTES // 3 - 1) + b"1]").value
    assert len(tree(value)) <= MAX_NODES + 2
    assert time.monotonic() - start < 5


def kinds(lines: list[Line]) -> list[tuple[str, str, str]]:
    return [(line.kind, line.name, line.text) for line in lines]


def test_a_tree_is_what_the_json_says() -> None:
    value = {"a": [1, None], "b": "1", "c": {}, "d": True, "e": 0.5}
    assert kinds(tree(value)) == [
        ("open", "", "5 members"),
        ("open", "a", "2 items"),
        ("leaf", "0", "1"),
        ("leaf", "1", "null"),
        ("close", "", ""),
        ("leaf", "b", "“1”"),
        ("leaf", "c", "{ }"),
        ("leaf", "d", "true"),
        ("leaf", "e", "0.5"),
        ("close", "", ""),
    ]


WIDE = list(range(MAX_NODES * 2))
DEEP: Any = 1
for _ in range(MAX_DEPTH * 2):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize("value", [WIDE, DEEP, [[WIDE]], [DEEP] * 3000, [[]] * 5000])
def test_a_tree_is_bounded_and_closes_what_it_opens(value: Any) -> None:
    lines = tree(value)
    opened = sum(line.kind == "open" for line in lines)
    assert opened == sum(line.kind == "close" for line in lines)
    assert sum(line.kind != "close" for line in lines) <= MAX_NODES + 1
    assert max(line.depth for line in lines) < MAX_DEPTH
    assert "in the download" in " ".join(line.text for line in lines)


def test_long_texts_and_names_are_cut_in_a_tree() -> None:
    (_, leaf, _) = tree({"k" * 5000: "v" * 5000})
    assert len(leaf.name) == MAX_TEXT
    assert leaf.text.endswith("…” (5,000 characters)")


RESULT = {
    "columns": {"age": {"groups": {"f": {"n": 1}, "m": {"n": 2}}}, "x": 7},
    "curve": [{"t": 0}, {"t": 1}],
    "a/b": {"c~d": 5},
}


@pytest.mark.parametrize(
    ("pointer", "rows"),
    [
        ("", [((), RESULT)]),
        (
            "/columns/*/groups/*",
            [(("age", "f"), {"n": 1}), (("age", "m"), {"n": 2})],
        ),
        ("/columns/age/groups/f", [((), {"n": 1})]),
        ("/curve", [(("0",), {"t": 0}), (("1",), {"t": 1})]),
        ("/curve/*", [(("0",), {"t": 0}), (("1",), {"t": 1})]),
        ("/curve/1", [((), {"t": 1})]),
        ("/curve/01", []),
        ("/curve/*/t", [(("0",), {"value": 0}), (("1",), {"value": 1})]),
        ("/a~1b/c~0d", [((), {"value": 5})]),
        ("/columns/x/groups/*", []),
        ("/nothing/*", []),
    ],
)
def test_a_view_finds_its_rows(pointer: str, rows: list[Any]) -> None:
    found = rows_of(View(1, "table", "T", pointer), RESULT)
    assert [(row.path, row.cells) for row in found] == rows


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, [[]]])
def test_a_result_of_another_shape_has_no_rows(value: Any) -> None:
    assert rows_of(View(1, "table", "T", "/columns/*/groups/*"), value) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (12345678, "12,345,678"),
        (-3, "-3"),
        (54.00729927, "54.007"),
        (4.583941605, "4.5839"),
        (350676.2, "350,676"),
        (-0.001234567, "-0.0012346"),
        (99999.96, "100,000"),
        (1e-9, "1.0000e-09"),
        (2.5e20, "2.5000e+20"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_are_written_for_people(number: float, text: str) -> None:
    assert in_figures(number) == text


def test_a_number_survives_its_journey() -> None:
    assert preview(json.dumps(0.1 + 0.2).encode()).value == 0.1 + 0.2
