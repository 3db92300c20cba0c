"""Which columns a site announces, of real files and real databases."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ptm_node import columns, config
from ptm_node.clock import Clock
from ptm_node.columns import Columns, Describer
from ptm_node.describing import MOST_COLUMNS, Description, Look, describe
from ptm_node.life import Life
from ptm_node.sections import Csv, Excel, Parquet, Policy
from pyarrow import parquet

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import write_config
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


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT age FROM nowhere", "nowhere"),
        ("DELETE FROM patients", "SELECT or WITH"),
        ("SELECT 1 AS x, 2 AS x", "two columns are called x"),
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


def test_only_the_first_rows_are_read(tmp_path: Path, database: Database) -> None:
    """A driver would read the others before it says goodbye: ten times ten million."""
    ten = " UNION ALL ".join(["SELECT 1 AS x"] * 10)
    many = f"SELECT a.x FROM {', '.join(f'({ten}) {n}' for n in 'abcdefgh')}"  # noqa: S608
    site = sql_config(tmp_path, database, query=many)
    assert of(Describer(Life(Clock())).describe(site.databases["d"])) == [
        ("x", "integer")
    ]


def test_a_query_may_take_only_so_long(tmp_path: Path, database: Database) -> None:
    site = sql_config(tmp_path, database, query=database.slow, time="1s")
    assert Describer(Life(Clock())).describe(site.databases["d"]).problem


def test_a_look_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(Look("sql", url="postgresql://a:hunter2@h/d"))


class Site:
    """Its databases, as the daemon looks at them."""

    def __init__(self, folder: Path, databases: dict[str, Any], **policy: Any) -> None:
        policy = {"share_columns": True, **policy}
        file = write_config(
            folder, "https://x.example", databases=databases, policy=policy
        )
        self.columns = Columns(config.load(file), Life(Clock()))

    def names(self, label: str) -> list[str] | None:
        self.columns.look()
        found = self.columns.of(label)
        return None if found is None else [each.name for each in found]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("age,sex\n61,f\n")
    return path


def entry(path: Path, **keys: Any) -> dict[str, Any]:
    return {"type": "csv", "uri": str(path), "collaborations": [1], **keys}


def test_a_file_that_changed_is_looked_at_again_and_no_other(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    real: Callable[..., Description] = Describer.describe

    def counted(self: Describer, database: Any) -> Description:
        looks.append(database)
        return real(self, database)

    monkeypatch.setattr(Describer, "describe", counted)
    site = Site(tmp_path, {"d": entry(table)})
    assert site.names("d") == ["age", "sex"]
    assert site.names("d") == ["age", "sex"]
    assert len(looks) == 1
    table.write_text("age,sex,stage\n61,f,II\n")
    assert site.names("d") == ["age", "sex", "stage"]
    assert len(looks) == 2


def test_what_cannot_be_read_is_told_once(
    tmp_path: Path, table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path, {"d": entry(table)})
    assert site.names("d") == ["age", "sex"]
    table.unlink()
    assert site.names("d") is None
    table.write_text("age;sex\n")
    assert site.names("d") is None
    table.write_text("age;sex;x\n")
    assert site.names("d") is None
    assert caplog.text.count("No such file") == 1
    assert caplog.text.count("not separated by commas") == 1
    table.write_text("age,sex\n")
    assert site.names("d") == ["age", "sex"]


def test_what_has_no_columns_or_is_nobodys_is_not_looked_at(
    tmp_path: Path, table: Path
) -> None:
    nobodys = entry(table, collaborations=[])
    folder = entry(tmp_path, type="folder")
    site = Site(tmp_path, {"d": nobodys, "f": folder})
    assert not site.columns.are_shared
    assert (site.names("d"), site.names("f")) == (None, None)
    off = Site(tmp_path, {"d": entry(table)}, share_columns=False)
    assert not off.columns.are_shared


def test_a_hello_never_becomes_too_large(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(f"{'x' * 150}-{n}" for n in range(1900)))
    small = tmp_path / "small.csv"
    small.write_text("age\n")
    site = Site(tmp_path, {"a": entry(wide), "b": entry(wide), "c": entry(small)})
    site.columns.look()
    assert len(site.columns.of("a") or ()) == 1900
    assert site.columns.of("b") is None
    assert site.names("c") == ["age"]
    assert "too many to announce" in caplog.text


def test_a_query_is_asked_again_after_a_while(tmp_path: Path, sqlite: Database) -> None:
    site = sql_config(tmp_path, sqlite, query="SELECT 1 AS x", collaborations=[1])
    site = site._replace(policy=Policy(share_columns=True))
    clock = Moved()
    found = Columns(site, Life(clock))
    found.look()
    assert [each.name for each in found.of("d") or ()] == ["x"]
    (tmp_path / "d.url").write_text("sqlite:////nowhere")
    found.look()
    assert found.of("d") is not None, "it is good for a day"
    clock.moved = 86401
    found.look()
    assert found.of("d") is None
    (tmp_path / "d.url").write_text(sqlite.url)
    found.look()
    assert found.of("d") is None
    clock.moved += 601
    found.look()
    assert found.of("d") is not None, "what failed is tried again soon"


class Moved(Clock):
    moved = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.moved


def announced(server: FakeServer) -> Any:
    (offer,) = server.hellos[-1]["announce"]["collaborations"]
    (database,) = offer["databases"]
    return database.get("columns")


def test_a_daemon_announces_them_and_says_hello_again_when_they_change(
    server: FakeServer, start: StartDaemon, table: Path
) -> None:
    daemon = start(policy={"share_columns": True}, databases={"d": entry(table)})
    server.wait(lambda: server.hellos and announced(server))
    assert announced(server) == [
        {"name": "age", "type": "integer"},
        {"name": "sex", "type": "text"},
    ]
    table.write_text("age,sex,stage\n61,f,2\n")
    server.wait(lambda: len(announced(server)) == 3)
    assert announced(server)[-1] == {"name": "stage", "type": "integer"}
    boots = {(each["boot"], each["instance"]) for each in server.hellos}
    assert len(boots) == 1
    assert daemon.error is None


def test_a_daemon_that_does_not_share_them_says_none(
    server: FakeServer, start: StartDaemon, table: Path
) -> None:
    start(databases={"d": entry(table)})
    server.wait(lambda: server.heartbeats > 2)
    assert [announced(server), len(server.hellos)] == [None, 1]


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


def test_the_daemon_loads_no_library_that_reads_tables() -> None:
    code = "import json, sys, ptm_node.agent; print(json.dumps([*sys.modules]))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"openpyxl", "pyarrow", "pandas", "sqlalchemy"}
    assert heavy.isdisjoint(json.loads(loaded.stdout))
