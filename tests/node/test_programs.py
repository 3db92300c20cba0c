"""The programs that read databases: their limits, their end, and what they bring."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from ptm_node import extracts
from ptm_node.errors import DaemonLeaving
from ptm_node.extraction import Answer, Order
from ptm_node.programs import command
from ptm_node.runtimes.base import sandbox_user

from tests.node.extracting import Site
from tests.node.sql_databases import ROWS, Database


def test_a_file_has_all_rows_and_is_the_containers_users_alone(
    site: Callable[..., Site],
) -> None:
    path = site().provide().path
    assert pq.read_table(path).num_rows == len(ROWS)
    status = path.stat()
    assert (status.st_uid, status.st_gid) == sandbox_user()
    assert status.st_mode & 0o777 == 0o400


def test_a_query_may_give_only_so_many_rows(site: Callable[..., Site]) -> None:
    assert site(max_rows=2).refusal() == (
        "the database d gives more rows than this site allows (2)"
    )


@pytest.mark.parametrize(
    ("form", "database"),
    [("parquet", "postgres"), ("csv", "mariadb"), ("sqlite", "sqlite")],
    indirect=["database"],
)
def test_a_query_may_give_only_so_much(form: str, site: Callable[..., Site]) -> None:
    """The file is bounded, whichever database its rows are from."""
    ten = " UNION ALL ".join(["SELECT 1 AS x"] * 10)
    many = f"SELECT a.x FROM {', '.join(f'({ten}) {n}' for n in 'abcd')}"  # noqa: S608
    found = site(query=many, max_size="16k", format=form).refusal()
    assert found == "the database d gives more data than this site allows (16.0 kB)"


def test_columns_that_cannot_be_told_apart_are_refused(
    site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    assert "could not be read" in site(query="SELECT 1 AS x, 2 AS x").refusal()
    assert "two columns called x" in caplog.text


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


def test_the_daemon_loads_no_driver_and_no_library_that_reads_tables() -> None:
    code = "import json, sys, ptm_node.agent; print(json.dumps([*sys.modules]))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"sqlalchemy", "psycopg", "pymysql", "pyarrow", "openpyxl", "pandas"}
    assert heavy.isdisjoint(json.loads(loaded.stdout))
