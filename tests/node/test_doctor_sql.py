"""`ptm-node doctor` asks each sql database for the first row, and says what to do."""

from pathlib import Path
from typing import Any

import pytest
from ptm_node import config
from ptm_node.doctor import databases, queries
from ptm_node.doctor.findings import Finding, Level

from tests.node.harness import write_config
from tests.node.sql_databases import QUERY, Database
from tests.node.test_doctor import examined

MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    " SELECT a.i FROM n a, n b, n c"
)


def written(folder: Path, url: str, **keys: Any) -> Path:
    secret = folder / "d.url"
    secret.touch(mode=0o600)
    secret.write_text(url)
    entry = {"type": "sql", "uri_file": "d.url", "query": QUERY, "collaborations": [1]}
    return write_config(folder, "http://127.0.0.1:9", databases={"d": entry | keys})


def found(folder: Path, url: str, **keys: Any) -> Finding:
    (finding,) = databases.check(config.load(written(folder, url, **keys)))
    return finding


def test_of_a_database_in_order_the_first_row_is_enough(
    tmp_path: Path, database: Database
) -> None:
    """There are 729 million of them."""
    finding = found(tmp_path, database.url, query=MANY, max_rows=1)
    assert (finding.level, finding.remedy) == (Level.OK, ""), finding


@pytest.mark.usefixtures("in_process")
def test_a_table_that_is_not_there(tmp_path: Path, database: Database) -> None:
    finding = found(tmp_path, database.url, query="SELECT age FROM nowhere")
    assert finding.level is Level.FAILED
    assert "nowhere" in finding.what
    assert "correct query" in finding.remedy


@pytest.mark.usefixtures("in_process")
def test_nothing_is_written(tmp_path: Path, database: Database) -> None:
    query = "WITH gone AS (DELETE FROM patients RETURNING id) SELECT id FROM gone"
    assert found(tmp_path, database.url, query=query).level is Level.FAILED
    assert database.count() in ([(3,)], ((3,),), [[3]])


@pytest.mark.usefixtures("in_process")
def test_a_query_without_rows_or_too_slow_for_a_trial(
    tmp_path: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    none = found(tmp_path, database.url, query="SELECT age FROM patients WHERE id > 9")
    assert (none.level, "no rows" in none.what) == (Level.WARNING, True), none
    monkeypatch.setattr(queries, "_SECONDS", 0.1)
    slow = found(tmp_path, database.url, query=database.slow)
    assert (slow.level, "in 0.1 seconds" in slow.what) == (Level.WARNING, True), slow
    assert "600 seconds" in slow.remedy


@pytest.mark.usefixtures("in_process")
def test_a_password_that_is_wrong_is_not_shown(
    tmp_path: Path,
    postgres: Database,
) -> None:
    path = written(tmp_path, postgres.url.replace(postgres.secret, "hunter2%40"))
    _, findings, said = examined(path)
    assert findings["database d"].level is Level.FAILED
    assert "authentication failed" in findings["database d"].what
    assert "lets the account in" in findings["database d"].remedy
    assert "hunter2" not in said


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://u:hunter2@127.0.0.1:9/d", "refused"),
        ("mariadb://u:hunter2@127.0.0.1:9/d", "connect"),
        ("sqlite:////nowhere/hunter2.db", "unable to open"),
        ("hunter2", "Could not parse"),
        ("oracle://u:hunter2@h/d", "cannot keep oracle from being written to"),
    ],
)
def test_a_database_that_is_not_reached(url: str, what: str, tmp_path: Path) -> None:
    finding = found(tmp_path, url)
    assert (finding.level, what in finding.what) == (Level.FAILED, True), finding
    assert "see that the URL is right" in finding.remedy
    assert ":hunter2" not in str(finding)


def test_a_secret_that_others_may_open(tmp_path: Path) -> None:
    path = written(tmp_path, "sqlite:////x")
    (tmp_path / "d.url").chmod(0o644)
    (finding,) = databases.check(config.load(path))
    assert finding.level is Level.FAILED
    assert "chmod 600" in finding.what


@pytest.mark.usefixtures("in_process")
def test_a_database_that_nobody_may_use(
    tmp_path: Path,
    sqlite: Database,
) -> None:
    finding = found(tmp_path, sqlite.url, collaborations=[])
    assert (finding.level, finding.what) == (
        Level.WARNING,
        "it is released to no collaboration",
    )
