"""Which columns are seen in real files and real databases."""

import contextlib
import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ptm_node import columns
from ptm_node.clock import Clock
from ptm_node.columns import Describer
from ptm_node.describing import MOST_COLUMNS, Description, Look, describe
from ptm_node.life import Life
from ptm_node.sections import Csv, Excel, Parquet
from pyarrow import parquet

from tests.node.sql_databases import Database, sql_config

AGE_SEX = [("age", "integer"), ("sex", "text")]


def seen(look: Look) -> Description:
    with contextlib.ExitStack() as stack:
        return describe(look, stack)


def of(description: Description) -> list[tuple[str, str]]:
    assert description.problem == ""
    return [(each.name, each.type) for each in description.columns or ()]


def of_csv(folder: Path, content: bytes) -> Description:
    path = folder / "t.csv"
    path.write_bytes(content)
    return seen(Look("csv", str(path)))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"age,sex\n61,f\n", AGE_SEX),
        (b"\xef\xbb\xbfage,sex\r\n61,f\r\n", AGE_SEX),
        (b"age,sex\r61,f\r", AGE_SEX),
        (b'"age", sex \n"61","f"\n', AGE_SEX),
        (b"age,sex\n61,f", AGE_SEX),
        (b"age,sex\n", [("age", "text"), ("sex", "text")]),
        (b"age,sex", [("age", "text"), ("sex", "text")]),
        (b"age,sex\n,\nNA,nan\n7,f\n", AGE_SEX),
        (b"age\n\n61\n", [("age", "integer")]),
        (b"age,sex\n61\n61,f,more\n", AGE_SEX),
        (b",age\n1,61\n", [("age", "integer")]),  # an index without a name
        ('"Größe, in\ncm",x\n1.5,2\n'.encode(), None),
        ("größe,症状\n1.5,2\n".encode(), [("größe", "number"), ("症状", "integer")]),
    ],
)
def test_a_csv_file_has_those_of_its_header(
    content: bytes, expected: list[tuple[str, str]] | None, tmp_path: Path
) -> None:
    found = of_csv(tmp_path, content)
    if expected is None:
        assert (found.columns, "cannot be seen" in found.problem) == (None, True)
    else:
        assert of(found) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "+3"], "integer"),
        (["1", "2.5", "1e-3", ".5"], "number"),
        (["true", "False"], "boolean"),
        (["2024-01-31", "1999-12-01"], "date"),
        (["2024-01-31", "2024-01-31T10:00"], "datetime"),
        (["2024-01-31 10:00:00", "2024-01-31T10:00+02:00"], "datetime"),
        (["2024-13-31"], "text"),
        (["1", "x"], "text"),
        (["true", "1"], "text"),
        (["", "NA"], "text"),
        (["١"], "text"),
        (["1_000"], "text"),
    ],
)
def test_a_type_is_that_of_all_values(
    values: list[str], kind: str, tmp_path: Path
) -> None:
    content = "\n".join(["x,y", *(f"{value},a" for value in values)])
    assert of(of_csv(tmp_path, content.encode()))[0] == ("x", kind)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no header"),
        (b"\n61,f\n", "no header"),
        (b",,\n1,2,3\n", "no header"),
        (b"61,f\n70,m\n", "is that a header"),
        (b"born,2001-05-01\n", "is that a header"),
        (b"age;sex\n61;f\n", "not separated by commas"),
        (b"age\tsex\n61\tf\n", "not separated by commas"),
        (b"age,sex,age\n", "two columns are called age"),
        (b"ag\xe9,sex\n", "not text in UTF-8"),
        (b"age,\x00\n", ""),
        (b"age,\x1b[2J\n", "cannot be seen"),
        ("age,\u202egnp.exe\n".encode(), "cannot be seen"),
        (b"age," + b"x" * 201 + b"\n", "more than 200 characters"),
        (b",".join(b"c%d" % n for n in range(MOST_COLUMNS + 1)), "more than 2,000"),
        (b'"' + b"x" * 200_000 + b'"\n', "comma-separated"),
        (b"x" * (17 << 20), "no header"),
    ],
)
def test_a_csv_file_that_cannot_be_announced_says_why(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    found = of_csv(tmp_path, content)
    assert found.columns is None
    assert found.problem != ""
    assert problem in found.problem


@hypothesis_settings(deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_csv_file_is_an_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = of_csv(tmp_path_factory.getbasetemp(), content)
    assert (found.columns is None) == bool(found.problem)
    names = [each.name for each in found.columns or ()]
    assert len(set(names)) == len(names)
    assert not any("\n" in name or "\x1b" in name for name in names)


def test_a_huge_csv_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"age,sex\n61,f\n")
        file.truncate(1 << 40)  # of NULs, which take no room on the disk
    assert of(seen(Look("csv", str(path)))) == AGE_SEX


def test_a_parquet_file_has_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    fields = {
        "age": pa.int16(),
        "dose": pa.decimal128(6, 2),
        "score": pa.float32(),
        "alive": pa.bool_(),
        "seen": pa.date32(),
        "at": pa.timestamp("us"),
        "sex": pa.dictionary(pa.int8(), pa.string()),
        "many": pa.list_(pa.int8()),
    }
    parquet.write_table(pa.schema(list(fields.items())).empty_table(), path)
    assert of(seen(Look("parquet", str(path)))) == [
        ("age", "integer"),
        ("dose", "number"),
        ("score", "number"),
        ("alive", "boolean"),
        ("seen", "date"),
        ("at", "datetime"),
        ("sex", "text"),
        ("many", "text"),
    ]


def workbook(folder: Path, **sheets: list[list[Any]]) -> str:
    book = openpyxl.Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    path = folder / "t.xlsx"
    book.save(path)
    return str(path)


AT = datetime(2024, 1, 2, 3, 4)  # noqa: DTZ001 (a sheet knows no zones)


PATIENTS: list[list[Any]] = [
    ["age", None, "dose", "alive", "born", "at", "note"],
    [61, "lost", 1.5, True, date(1960, 1, 2), AT, "x"],
    [None, None, 2, False, None, None, 7],
]


def test_a_sheet_has_those_of_its_first_row(tmp_path: Path) -> None:
    path = workbook(tmp_path, Notes=[["x"]], Patients=PATIENTS)
    assert of(seen(Look("excel", path, "Patients"))) == [
        ("age", "integer"),
        ("dose", "number"),
        ("alive", "boolean"),
        ("born", "date"),
        ("at", "datetime"),
        ("note", "text"),
    ]


def test_a_sheet_is_not_guessed(tmp_path: Path) -> None:
    path = workbook(tmp_path, Notes=[["x"]], Patients=PATIENTS)
    assert "several sheets" in seen(Look("excel", path)).problem
    assert "no sheet of this name" in seen(Look("excel", path, "Other")).problem
    assert of(seen(Look("excel", workbook(tmp_path, A=[["x"], [1]])))) == [
        ("x", "integer")
    ]
    assert "no header" in seen(Look("excel", workbook(tmp_path, A=[]))).problem


@pytest.mark.parametrize("kind", ["parquet", "excel", "csv"])
def test_a_broken_file_and_none_have_no_columns(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    assert "No such file" in seen(Look(kind, str(path))).problem
    path.write_bytes(b"PK\x03\x04PAR1\xff" * 50)
    found = seen(Look(kind, str(path)))
    assert found.columns is None
    assert found.problem


def test_the_program_reads_each_kind_of_file(tmp_path: Path) -> None:
    """Within its limits of memory."""
    csv, parquet_file = tmp_path / "t.csv", tmp_path / "t.parquet"
    csv.write_text("x\n1\n")
    parquet.write_table(pa.table({"x": [1]}), parquet_file)
    databases = [
        Csv(uri=str(csv)),
        Parquet(uri=str(parquet_file)),
        Excel(uri=workbook(tmp_path, A=[["x"], [1]])),
    ]
    for database in databases:
        found = Describer(Life(Clock())).describe(database)
        assert of(found) == [("x", "integer")]


def test_rows_of_a_query_have_theirs(tmp_path: Path, database: Database) -> None:
    site = sql_config(tmp_path, database)
    found = of(Describer(Life(Clock())).describe(site.databases["d"]))
    kinds = dict(found)
    assert list(kinds) == ["id", "age", "stage", "score", "seen", "alive"]
    assert (kinds["id"], kinds["age"], kinds["stage"]) == (
        "integer",
        "integer",
        "text",
    )
    # SQLite and MariaDB have no type of their own for each of these.
    assert kinds["score"] in ("number", "integer")
    assert kinds["seen"] in ("date", "text")
    assert kinds["alive"] in ("boolean", "integer")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT age FROM nowhere", "nowhere"),
        ("DELETE FROM patients", "SELECT or WITH"),
    ],
)
def test_a_query_that_fails_says_why_and_no_password(
    query: str, problem: str, tmp_path: Path, database: Database
) -> None:
    site = sql_config(tmp_path, database, query=query)
    found = Describer(Life(Clock())).describe(site.databases["d"])
    assert found.columns is None
    assert problem in found.problem
    assert not database.secret or database.secret not in found.problem
    assert len(database.count()) == 1


@pytest.mark.usefixtures("in_process")
def test_columns_of_a_query_are_told_apart(tmp_path: Path, sqlite: Database) -> None:
    site = sql_config(tmp_path, sqlite, query="SELECT 1 AS x, 2 AS x")
    found = Describer(Life(Clock())).describe(site.databases["d"])
    assert (found.columns, found.problem) == (None, "two columns are called x")


def test_only_the_first_rows_are_read(tmp_path: Path, database: Database) -> None:
    """A driver would read the others before it says goodbye: ten times ten million."""
    ten = " UNION ALL ".join(["SELECT 1 AS x"] * 10)
    many = f"SELECT a.x FROM {', '.join(f'({ten}) {n}' for n in 'abcdefgh')}"  # noqa: S608
    site = sql_config(tmp_path, database, query=many)
    assert of(Describer(Life(Clock())).describe(site.databases["d"])) == [
        ("x", "integer")
    ]


@pytest.mark.usefixtures("in_process")
def test_a_query_may_take_only_so_long(tmp_path: Path, database: Database) -> None:
    site = sql_config(tmp_path, database, query=database.slow, time="0.1s")
    assert Describer(Life(Clock())).describe(site.databases["d"]).problem


def test_a_look_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(Look("sql", url="postgresql://a:hunter2@h/d"))


def test_a_file_that_hangs_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes into."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(columns, "_FILE_SECONDS", 1.0)
    database = Csv(uri=str(path), collaborations=[1])
    found = Describer(Life(Clock())).describe(database)
    assert found.problem == "it took too long"
