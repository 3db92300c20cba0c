"""A run whose data the node has to make first, from the claim to its end."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean

QUERY = "SELECT age FROM patients ORDER BY age"


@pytest.fixture
def database(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "patients.db"
    with sqlite3.connect(path) as link:
        link.execute("CREATE TABLE patients (age INTEGER)")
        link.executemany("INSERT INTO patients VALUES (?)", [(50,), (60,)])
    return {
        "type": "sql",
        "uri": f"sqlite:///{path}",
        "query": QUERY,
        "format": "csv",
        "collaborations": [1],
    }


@pytest.fixture(autouse=True)
def _returns_its_table(engine: FakeEngine) -> None:
    def program(inside: Inside) -> int:
        place = inside.spec.environment["D_DATABASE_URI"]
        table = inside.file(place).read_bytes()
        inside.file("/app/output.txt").write_bytes(table)
        return 0

    engine.present[IMAGE] = program


def run(server: FakeServer, **database: Any) -> Run:
    return server.add_run(IMAGE, databases=[{"label": "d", **database}])


def test_a_container_reads_the_extract_and_nothing_of_it_stays(
    server: FakeServer, start: StartDaemon, database: dict[str, Any]
) -> None:
    daemon = start(databases={"d": database})
    found = server.wait_status(run(server), "completed")
    assert found.result == b"age\r\n50\r\n60\r\n"
    wait_until_clean(daemon)


def test_an_extract_that_fails_is_told_without_the_reason(
    server: FakeServer, start: StartDaemon, database: dict[str, Any]
) -> None:
    daemon = start(databases={"d": {**database, "query": "SELECT secret FROM it"}})
    found = server.wait_status(run(server), "failed")
    assert (found.code, found.detail) == (
        "database_unknown",
        "the database d could not be read at this site",
    )
    wait_until_clean(daemon)


OLDER = "SELECT age FROM patients WHERE age > 50"


def test_a_query_of_a_researcher_is_refused(
    server: FakeServer, start: StartDaemon, database: dict[str, Any]
) -> None:
    start(databases={"d": database})
    found = server.wait_status(run(server, query=OLDER), "rejected")
    assert (found.code, found.detail) == (
        "policy_refused",
        "this site takes no query of a researcher for the database d",
    )


def test_a_query_of_a_researcher_is_run_if_the_site_says_so_and_not_kept(
    server: FakeServer,
    start: StartDaemon,
    database: dict[str, Any],
    tmp_path: Path,
) -> None:
    daemon = start(databases={"d": {**database, "researcher_queries": True}})
    found = server.wait_status(run(server, query=OLDER), "completed")
    assert found.result == b"age\r\n60\r\n"
    wait_until_clean(daemon)
    assert list((daemon.state / "cache").glob("*/*")) == []


@pytest.mark.parametrize(
    "query", ["DELETE FROM patients", "WITH x AS (SELECT 1) DELETE FROM patients"]
)
def test_a_query_of_a_researcher_writes_nothing(
    query: str,
    server: FakeServer,
    start: StartDaemon,
    database: dict[str, Any],
    tmp_path: Path,
) -> None:
    start(databases={"d": {**database, "researcher_queries": True}})
    server.wait_status(run(server, query=query), "failed")
    link = sqlite3.connect(tmp_path / "patients.db")
    assert link.execute("SELECT count(*) FROM patients").fetchone() == (2,)
    link.close()
