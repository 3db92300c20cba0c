"""Rows of real databases as files: PostgreSQL, MariaDB and SQLite."""

import csv
import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from ptm_node import extracts
from ptm_node.clock import Clock
from ptm_node.errors import DaemonLeaving, RunFailure
from ptm_node.extraction import Answer, Order
from ptm_node.life import Life
from ptm_node.programs import command
from ptm_node.runtimes.base import sandbox_user
from ptm_node.sections import Sql
from ptm_node.sources import Source, Sources

from tests.node.sql_databases import COLUMNS, QUERY, ROWS, Database, sql_config


class Site:
    """A site with one database `d`, whose URL is in a secret file."""

    def __init__(self, folder: Path, database: Database, **keys: Any) -> None:
        self.config = sql_config(folder, database, **keys)
        self.folder = folder
        self.life = Life(Clock())
        self.sources = Sources(folder / "cache", self.config, self.life)
        self._names = iter(range(1000))

    @property
    def database(self) -> Sql:
        found = self.config.databases["d"]
        assert isinstance(found, Sql)
        return found

    def provide(self) -> Source:
        work = self.folder / f"run-{next(self._names)}"
        work.mkdir(mode=0o700)
        return self.sources.provide(self.config.databases, work, lambda: None)["d"]

    def refusal(self) -> str:
        with pytest.raises(RunFailure) as failure:
            self.provide()
        assert failure.value.code == "database_unknown"
        assert list((self.folder / "cache").glob("*/*")) == [], "half an extract stays"
        return failure.value.detail


@pytest.fixture
def site(tmp_path: Path, database: Database) -> Callable[..., Site]:
    return lambda **keys: Site(tmp_path, database, **keys)


def plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int) else str(value)


def test_a_parquet_file_holds_the_rows_with_their_types(
    site: Callable[..., Site],
) -> None:
    found = site().provide()
    assert (found.type, found.suffixes) == ("parquet", ".parquet")
    table = pq.read_table(found.path)
    rows = [tuple(map(plain, row.values())) for row in table.to_pylist()]
    assert [row[:3] for row in rows] == [row[:3] for row in ROWS]
    assert [row[3] and float(row[3]) for row in rows] == [1.5, 20.25, None]
    assert [row[4] for row in rows] == ["2024-01-31", None, "2023-12-01"]
    assert [None if row[5] is None else bool(row[5]) for row in rows] == [1, 0, None]


def test_a_csv_file_has_a_header_and_nothing_for_null(
    site: Callable[..., Site],
) -> None:
    found = site(format="csv").provide()
    assert (found.type, found.suffixes) == ("csv", ".csv")
    with found.path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS.split(", ")
    assert [row[:3] for row in rows] == [
        ["1", "50", "II"],
        ["2", "", 'Ⅲ, "b"'],
        ["3", "70", ""],
    ]


def test_a_sqlite_file_has_one_table(site: Callable[..., Site]) -> None:
    found = site(format="sqlite").provide()
    assert (found.type, found.suffixes) == ("sql", ".sqlite")
    link = sqlite3.connect(f"file:{found.path}?mode=ro", uri=True)
    assert link.execute("SELECT id, age, stage FROM data").fetchall() == [
        row[:3] for row in ROWS
    ]
    link.close()


def test_a_file_is_the_containers_users_alone(site: Callable[..., Site]) -> None:
    status = site().provide().path.stat()
    assert (status.st_uid, status.st_gid) == sandbox_user()
    assert status.st_mode & 0o777 == 0o400


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM patients",
        "SELECT 1; DELETE FROM patients",
        "SELECT 1; COMMIT; DELETE FROM patients",
        "WITH gone AS (DELETE FROM patients RETURNING id) SELECT id FROM gone",
        "DROP TABLE patients",
        "CREATE TABLE more (id INTEGER)",
    ],
)
def test_nothing_is_written(
    query: str, site: Callable[..., Site], database: Database
) -> None:
    assert "could not be read" in site(query=query).refusal()
    [[count]] = database.count()
    assert count == len(ROWS)


def test_a_query_may_take_only_so_long(
    site: Callable[..., Site], database: Database
) -> None:
    found = site(query=database.slow, time="1s").refusal()
    assert found == "the database d took longer than this site allows (1 seconds)"


def test_a_query_may_give_only_so_many_rows(site: Callable[..., Site]) -> None:
    assert site(max_rows=2).refusal() == (
        "the database d gives more rows than this site allows (2)"
    )


@pytest.mark.parametrize("form", ["parquet", "csv", "sqlite"])
def test_a_query_may_give_only_so_much(
    form: str, site: Callable[..., Site], tmp_path: Path
) -> None:
    ten = " UNION ALL ".join(["SELECT 1 AS x"] * 10)
    many = f"SELECT a.x FROM {', '.join(f'({ten}) {n}' for n in 'abcd')}"  # noqa: S608
    found = site(query=many, max_size="16k", format=form).refusal()
    assert found == "the database d gives more data than this site allows (16.0 kB)"


def test_columns_that_cannot_be_told_apart_are_refused(
    site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    assert "could not be read" in site(query="SELECT 1 AS x, 2 AS x").refusal()
    assert "two columns called x" in caplog.text


def test_the_site_reads_why_and_nobody_the_password(
    site: Callable[..., Site],
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    detail = site(query="SELECT age FROM nowhere").refusal()
    assert detail == "the database d could not be read at this site"
    assert "nowhere" in caplog.text
    assert not database.secret or database.secret not in caplog.text


def test_a_wrong_password_is_not_told(
    tmp_path: Path, postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2%40"
    wrong = Database(postgres.url.replace(postgres.secret, secret), print, "")
    assert "could not be read" in Site(tmp_path, wrong).refusal()
    assert "authentication failed" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_url_that_is_none_is_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert (
        "could not be read" in Site(tmp_path, Database("hunter2", print, "")).refusal()
    )
    assert "hunter2" not in caplog.text


def test_an_open_secret_is_not_used(
    tmp_path: Path, sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path, sqlite)
    (tmp_path / "d.url").chmod(0o644)
    assert "could not be read" in site.refusal()
    assert "chmod 600" in caplog.text


class TestCache:
    """Of one database is enough."""

    def test_an_extract_is_shared_until_it_is_too_old(
        self, tmp_path: Path, sqlite: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        site = Site(tmp_path, sqlite)
        first, second = site.provide(), site.provide()
        assert first.path.stat().st_ino == second.path.stat().st_ino
        os.utime(first.path, (0, 0))
        third = site.provide()
        assert third.path.stat().st_ino != first.path.stat().st_ino
        assert caplog.text.count("extracted 3 rows") == 2

    def test_runs_at_the_same_time_share_one_extraction(
        self, tmp_path: Path, sqlite: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        site = Site(tmp_path, sqlite)
        threads = [threading.Thread(target=site.provide) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert caplog.text.count("extracted 3 rows") == 1

    def test_another_password_is_the_same_data(self, tmp_path: Path) -> None:
        versions = {
            extracts.version_of("d", Site(tmp_path, Database(url, print, "")).database)
            for url in ("postgresql://a:one@h/d", "postgresql://a:two@h/d")
        }
        assert len(versions) == 1
        other = Site(tmp_path, Database("postgresql://a:one@h/e", print, ""))
        assert extracts.version_of("d", other.database) not in versions


def test_types_are_those_of_all_rows(tmp_path: Path, sqlite: Database) -> None:
    """SQLite lets a column hold anything; rows of later batches widen its type."""
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
        " SELECT i, CASE WHEN i > 4000 THEN 0.5 ELSE 1 END AS wide,"
        " CASE WHEN i > 4000 THEN i END AS late,"
        " CASE WHEN i > 4000 THEN 'x' ELSE 1 END AS mixed, NULL AS empty FROM n"
    )
    table = pq.read_table(Site(tmp_path, sqlite, query=query).provide().path)
    assert {field.name: str(field.type) for field in table.schema} == {
        "i": "int64",
        "wide": "double",
        "late": "int64",
        "mixed": "string",
        "empty": "string",
    }
    assert table.num_rows == 5000
    assert table["mixed"].to_pylist()[-1] == "x"


def test_no_rows_are_a_table_too(site: Callable[..., Site]) -> None:
    none = QUERY.replace("ORDER", "WHERE id > 10 ORDER")
    assert pq.read_table(site(query=none).provide().path).num_rows == 0


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, postgres: Database) -> None:
    def peak(rows: int) -> int:
        query = "SELECT i, repeat('x', 200) AS t FROM generate_series(1, %) AS s(i)"
        query = query.replace("%", str(rows))
        target = tmp_path / str(rows)
        big = 1 << 40
        order = Order(postgres.url, query, "parquet", str(target), big, big, 100)
        with subprocess.Popen(
            command(extracts.PROGRAM), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(msgspec.json.encode(order) + b"\n")
            child.stdin.flush()
            answer = msgspec.json.decode(child.stdout.read(), type=Answer)
            assert answer == Answer(rows=rows)
            _, child.returncode, usage = os.wait4(child.pid, 0)
            assert child.returncode == 0, "it does not end well by itself"
            return usage.ru_maxrss

    growth = peak(200_000) - peak(20_000)
    assert growth < 48 << 10, f"{growth} kB more for 40 MB more"


def test_a_daemon_that_leaves_ends_the_query(
    tmp_path: Path, postgres: Database
) -> None:
    site = Site(tmp_path, postgres, query=postgres.slow)
    ended: list[BaseException] = []

    def provide() -> None:
        try:
            site.provide()
        except DaemonLeaving as error:
            ended.append(error)

    thread = threading.Thread(target=provide)
    thread.start()
    # By what it waits for: the statement that sleeps is the cursor's FETCH.
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while postgres.execute(asleep, ()) == [(0,)]:
        assert thread.is_alive()
    site.life.leave()
    thread.join(30)
    assert len(ended) == 1


def test_the_daemon_loads_no_driver() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, ptm_node.agent; print(json.dumps([*sys.modules]))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"sqlalchemy", "pyarrow", "psycopg", "pymysql"}
    assert heavy.isdisjoint(json.loads(loaded.stdout))
