"""Rows of real databases as files: PostgreSQL, MariaDB and SQLite."""

import csv
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ptm_node import extracts

from tests.node.extracting import Site
from tests.node.sql_databases import COLUMNS, QUERY, ROWS, Database

pytestmark = pytest.mark.usefixtures("in_process")


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
    found = site(query=database.slow, time="0.1s").refusal()
    assert found == "the database d took longer than this site allows (0.1 seconds)"


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
