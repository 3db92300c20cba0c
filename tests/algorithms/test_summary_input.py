"""Tables and requests as they should not be: a clear sentence, and no data in it."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from algorithms.summary.__main__ import main
from algorithms.summary.errors import Refused
from tests.algorithms.helpers import cell, summary, write_table

SECRET = "Erika-Mustermann"


def raw(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "raw.csv"
    path.write_bytes(content)
    return path


def lines(field: str, times: int = 20) -> bytes:
    return ("x,y\n" + f"{field},1\n" * times).encode()


READ = {
    "a byte order mark": b"\xef\xbb\xbf" + lines("2"),
    "a quoted header after a byte order mark": b'\xef\xbb\xbf"x",y\n' + b"2,1\n" * 20,
    "Windows line ends": lines("2").replace(b"\n", b"\r\n"),
    "old Mac line ends": lines("2").replace(b"\n", b"\r"),
    "quotes": lines('"2"'),
    "commas and line breaks in another field": lines('2,"a, ""b""\nc"').replace(
        b"x,y", b"x,z,y"
    ),
    "spaces": lines(" 2 ").replace(b"x,", b" x ,"),
    "no line end at the end": lines("2").removesuffix(b"\n"),
    "blank lines": lines("2").replace(b"\n", b"\n\n"),
    "a sign": lines("+2"),
    "an exponent": lines("20E-1"),
    "a trailing dot": lines("2."),
    "a NUL elsewhere": lines("2").replace(b",1\n", b",\0\n"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ.keys())
def test_these_tables_are_read(tmp_path: Path, content: bytes) -> None:
    found = cell(summary(raw(tmp_path, content), "x"), "x")
    assert (found["n"], found["mean"], found["variance"]) == (20, 2.0, 0.0)


NOT_NUMBERS = [
    "1,5",
    "1_000",
    "0x10",
    "١٢",
    "1e",
    "e5",
    "--1",
    "True",
    "2020-01-31",
    "1 2",
]


@pytest.mark.parametrize("field", NOT_NUMBERS)
def test_these_are_text_as_they_are_for_pandas(tmp_path: Path, field: str) -> None:
    path = write_table(tmp_path / "t.csv", ["x", "y"], [[field, 1]] * 20)
    assert summary(path, "x")["columns"]["x"]["kind"] == "categorical"
    assert not pd.api.types.is_float_dtype(pd.read_csv(path)["x"])


def test_one_text_makes_a_column_categorical_in_every_group(tmp_path: Path) -> None:
    rows = [[i % 2, "a"] for i in range(40)] + [["x", "b"]] * 20
    path = write_table(tmp_path / "t.csv", ["x", "group"], rows)
    found = summary(path, "x", group_by="group")["columns"]["x"]
    assert found["kind"] == "categorical"
    assert found["groups"]["a"]["levels"] == {"0": 20, "1": 20}


def test_a_column_without_any_value_is_empty(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", ["x", "y"], [["", 1]] * 20)
    result = summary(path, "x")
    assert result["columns"]["x"]["kind"] == "empty"
    assert cell(result, "x")["mean"] is None


def test_infinity_is_a_level_where_there_is_other_text(tmp_path: Path) -> None:
    rows = [["inf"]] * 20 + [["sup"]] * 20
    path = write_table(tmp_path / "t.csv", ["x"], rows)
    assert cell(summary(path, "x"), "x")["levels"] == {"inf": 20, "sup": 20}


S = SECRET.encode()
REFUSED: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", 'no column "x"'),
    "no such column": (b"y\n" + S, 'no column "x"'),
    "semicolons": (b"x;y\n" + S + b";1\n", 'no column "x"'),
    "the column twice": (b"x,x\n1,2\n", 'more than one column "x"'),
    "a short row": (lines(SECRET) + S + b"\n", "Line 22 of the table"),
    "a long row": (lines("1") + S + b",1,1\n", "as many fields"),
    "another encoding": (lines(SECRET) + b"\xe4,1\n", "not UTF-8"),
    "UTF-16": (lines(SECRET).decode().encode("utf-16"), "not UTF-8"),
    "an open quote, which would swallow patients": (
        lines('"' + SECRET, 1),
        "well-formed",
    ),
    "text after a quote": (lines(f'"{SECRET}"b'), "well-formed"),
    "a huge field": (lines("x" * 200_000, 1), "well-formed"),
    "an endless line": (b"x,y\n" + b"x" * 2_000_000, "a line of 1000000 characters"),
    "infinity": (lines("1") + b"inf,1\n", 'Column "x": a number is infinite'),
    "minus infinity": (lines("1") + b"-Infinity,1\n", "infinite"),
    "a number that becomes infinite": (lines("1") + b"1e999,1\n", "infinite or beyond"),
    "a long number": (lines("1") + b"9" * 100_000 + b",1\n", "infinite or beyond"),
    "identifiers": (
        b"x\n" + b"".join(b"%s-%d\n" % (S, i) for i in range(1001)),
        "free text or more than 1,000",
    ),
    "a story": (lines(SECRET * 20), "free text"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_these_tables_are_refused_in_a_sentence_without_data(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence) as refusal:
        summary(raw(tmp_path, content), "x")
    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_too_many_groups_are_refused(tmp_path: Path) -> None:
    rows = [[1, f"{SECRET}-{i}"] for i in range(101)]
    path = write_table(tmp_path / "t.csv", ["x", "group"], rows)
    with pytest.raises(Refused, match="more than 100 groups"):
        summary(path, "x", group_by="group")


def test_a_missing_file_is_refused_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^The table cannot be read\.$"):
        summary(tmp_path / "nowhere.csv", "x")


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        table = ([i, "ab"[i % 2]] for i in range(rows))
        path = write_table(tmp_path / "t.csv", ["x", "group"], table)
        tracemalloc.start()
        summary(path, "x", group_by="group")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(50)  # imports and caches
    assert peak(20_000) < peak(200) + 100_000


def call(tmp_path: Path, text: str, **more: str) -> int:
    table = write_table(tmp_path / "t.csv", ["x", "y"], [[SECRET, 1]] * 20)
    (tmp_path / "input.txt").write_text(text)
    environment = {
        "INPUT_FILE": str(tmp_path / "input.txt"),
        "OUTPUT_FILE": str(tmp_path / "output.txt"),
        "DATABASE_URI": str(table),
    }
    return main(environment | more)


def test_a_good_call_writes_json(tmp_path: Path) -> None:
    kwargs = {"columns": ["y"], "group_by": None, "extremes": False}
    assert call(tmp_path, json.dumps({"method": "summary", "kwargs": kwargs})) == 0
    written = json.loads((tmp_path / "output.txt").read_text())
    assert cell(written, "y")["mean"] == 1.0
    assert written["minimum_count"] == 10


def kwargs(**arguments: Any) -> str:
    return json.dumps({"method": "summary", "args": [], "kwargs": arguments})


BAD_CALLS = {
    "no JSON": ("columns=x", "not JSON"),
    "deep JSON": ("[" * 100_000, "not JSON"),
    "a list": ("[]", "must name the method"),
    "another method": ('{"method": "__main__", "kwargs": {}}', "must name the method"),
    "unnamed arguments": ('{"method": "summary", "args": [["x"]]}', "must be named"),
    "no arguments": (kwargs(), "list of column names"),
    "an unknown argument": (kwargs(columns=["y"], rows=True), "1 argument"),
    "columns as text": (kwargs(columns="x"), "list of column names"),
    "columns of numbers": (kwargs(columns=[1]), "list of column names"),
    "no columns": (kwargs(columns=[]), "1 to 100 different"),
    "too many columns": (kwargs(columns=[str(i) for i in range(101)]), "1 to 100"),
    "a column twice": (kwargs(columns=["y", "y"]), "different"),
    "a long name": (kwargs(columns=["x" * 201]), "list of column names"),
    "a list as group": (kwargs(columns=["y"], group_by=["x"]), "group_by must be"),
    "a word as a choice": (kwargs(columns=["y"], extremes="no"), "true or false"),
    "a name that breaks lines": (kwargs(columns=["a\nb\x1b[2J"]), r"a\nb\u001b[2J"),
    "half a surrogate": (kwargs(columns=["\ud800"]), r"\ud800"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_bad_calls_are_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    assert call(tmp_path, text) == 1
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "output.txt").exists()


def test_a_task_without_a_database_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path, kwargs(columns=["y"]), DATABASE_URI="") == 1
    assert "no database" in capsys.readouterr().err


def test_a_fault_of_the_program_does_not_quote_the_data(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def careless(*_: object) -> None:
        raise ValueError(f"could not convert {SECRET!r}")

    monkeypatch.setattr("algorithms.summary.__main__.summarize", careless)
    assert call(tmp_path, kwargs(columns=["y"])) == 2
    assert capsys.readouterr().err == "summary failed: ValueError.\n"
