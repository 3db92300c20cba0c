"""Real databases with a table of patients, and a node's configuration that reads it."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import psycopg
import pytest
from ptm_node import config
from ptm_node.sections import Config

from tests.node.harness import write_config
from tools.rig.mariadb import MariaDb
from tools.rig.postgres import Postgres
from tools.rig.process import free_port, wait_until

COLUMNS = "id, age, stage, score, seen, alive"
QUERY = f"SELECT {COLUMNS} FROM patients ORDER BY id"  # noqa: S608
CREATE = (
    "CREATE TABLE patients (id INTEGER, age INTEGER, stage VARCHAR(20),"
    " score DECIMAL(6,2), seen DATE, alive BOOLEAN)"
)
ROWS = [
    (1, 50, "II", "1.50", "2024-01-31", True),
    (2, None, 'Ⅲ, "b"', "20.25", None, False),
    (3, 70, None, None, "2023-12-01", None),
]


@dataclass
class Database:
    """`execute` runs a statement outside of the node."""

    url: str
    execute: Callable[[str, tuple[Any, ...]], object]
    slow: str
    secret: str = ""

    def count(self) -> Any:
        return self.execute("SELECT count(*) FROM patients", ())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Postgres(tmp_path_factory.mktemp("postgres"), free_port()) as server:

        def execute(statement: str, values: tuple[Any, ...]) -> Any:
            with psycopg.connect(server.url, autocommit=True) as link:
                done = link.execute(statement.encode(), values)
                return done.fetchall() if done.description else None

        url = server.url.replace("postgres://", "postgresql://")
        yield filled(Database(url, execute, "SELECT pg_sleep(300)", server.password))


@pytest.fixture(scope="session")
def reader(postgres: Database) -> tuple[str, int]:
    """Where the account `reader` gets in without a password, and reads one table."""
    postgres.execute("CREATE ROLE reader LOGIN", ())
    postgres.execute("GRANT SELECT ON patients TO reader", ())
    [(place,)] = cast(list[tuple[str]], postgres.execute("SHOW hba_file", ()))
    rules = Path(place)
    rules.write_text(f"host all reader 127.0.0.1/32 trust\n{rules.read_text()}")
    postgres.execute("SELECT pg_reload_conf()", ())
    parts = urlsplit(postgres.url)
    address = parts.hostname or "", parts.port or 0

    def gets_in() -> bool:
        try:
            psycopg.connect(
                host=address[0], port=address[1], user="reader", dbname="ptm"
            ).close()
        except psycopg.OperationalError:
            return False
        return True

    assert wait_until(gets_in, 10)
    return address


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with MariaDb(tmp_path_factory.mktemp("mariadb"), free_port()) as server:

        def execute(statement: str, values: tuple[Any, ...]) -> Any:
            with server.connect() as link, link.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()

        yield filled(
            Database(server.url, execute, "SELECT sleep(300)", server.password)
        )


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("sqlite") / "odd name.db"

    def execute(statement: str, values: tuple[Any, ...]) -> Any:
        with sqlite3.connect(path) as link:
            return link.execute(statement.replace("%s", "?"), values).fetchall()

    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT max(i) FROM n"
    )
    database = filled(Database(f"sqlite:///{path}", execute, slow))
    path.chmod(0o600)
    return database


def filled(database: Database) -> Database:
    database.execute(CREATE, ())
    for row in ROWS:
        database.execute("INSERT INTO patients VALUES (%s, %s, %s, %s, %s, %s)", row)
    return database


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


def sql_config(folder: Path, database: Database, **keys: Any) -> Config:
    """A site with one database `d`, whose URL is in a secret file."""
    secret = folder / "d.url"
    secret.write_text(database.url)
    secret.chmod(0o600)
    entry = {"type": "sql", "uri_file": "d.url", "query": QUERY, **keys}
    return config.load(
        write_config(folder, "https://x.example", databases={"d": entry})
    )
