"""The site's audit: whole or shown to be not, and written as things happen."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ptm_node.audit import BEGINNING, Audit
from ptm_node.errors import AuditBroken
from ptm_node.messages import Head
from ptm_node.runtimes.fake import FakeEngine

from tests.node.command import failed, ptm_node
from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, writes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite3"


@pytest.fixture
def audit(path: Path) -> Iterator[Audit]:
    with closing(Audit(path)) as audit:
        for number in range(1, 5):
            audit.record("test", number=number)
        yield audit


def rewrite(path: Path, statement: str) -> None:
    """As somebody with the file in their hands could."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DROP TRIGGER entries_stay; DROP TRIGGER entries_remain")
        db.execute(statement)
        db.commit()


def test_a_whole_chain_ends_at_its_head(audit: Audit) -> None:
    assert audit.verify() == audit.head()
    assert audit.head().number == 4


def test_an_empty_chain_is_whole(path: Path) -> None:
    with closing(Audit(path)) as audit:
        assert audit.verify() == Head(0, BEGINNING)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET entry = replace(entry, '2', '7') WHERE number = 2",
        "UPDATE entries SET sha256 = replace(sha256, '0', '1') WHERE number = 2",
        "DELETE FROM entries WHERE number = 2",
    ],
)
def test_the_first_wrong_entry_is_named(
    audit: Audit, path: Path, statement: str
) -> None:
    rewrite(path, statement)
    with pytest.raises(AuditBroken, match=r"^entry 2 "):
        audit.verify()


def test_what_the_server_was_told_shows_a_cut_and_a_new_chain(
    audit: Audit, path: Path, tmp_path: Path
) -> None:
    told = audit.head()
    rewrite(path, "DELETE FROM entries WHERE number > 2")
    assert audit.verify() != told, "by itself, a shorter chain looks whole"
    with pytest.raises(AuditBroken, match=r"entries 3 to 4 are gone"):
        audit.verify(told)
    with closing(Audit(tmp_path / "other.sqlite3")) as other:
        for number in range(6):
            other.record("another", number=number)
        with pytest.raises(AuditBroken, match=r"entry 4 is not the one"):
            other.verify(told)


@pytest.mark.parametrize(
    "verb", ["UPDATE entries SET entry = ''", "DELETE FROM entries"]
)
def test_entries_cannot_be_changed_by_mistake(
    audit: Audit, path: Path, verb: str
) -> None:
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.DatabaseError, match="stay"),
    ):
        db.execute(verb)


def test_two_processes_write_one_chain(audit: Audit, path: Path) -> None:
    with closing(Audit(path)) as other:
        for number in range(5):
            audit.record("one", number=number)
            other.record("other", number=number)
        assert other.verify().number == 14


@pytest.fixture
def exported(tmp_path: Path) -> Callable[[], list[dict[str, object]]]:
    def exported() -> list[dict[str, object]]:
        config = str(tmp_path / "node.toml")
        done = ptm_node("audit", "export", "--config", config)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return exported


def test_a_run_is_in_the_audit_from_its_begin_to_its_end(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    exported: Callable[[], list[dict[str, object]]],
) -> None:
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")
    engine.present[IMAGE] = writes(b"", status=3)
    server.wait_status(server.add_run(IMAGE), "failed")
    wait_until_clean(daemon)
    entries = exported()
    assert [entry["event"] for entry in entries] == [
        "daemon.started",
        "run.accepted",
        "result.sent",
        "run.accepted",
        "run.failed",
    ]
    accepted, sent, failure = entries[1], entries[2], entries[4]
    assert accepted["image"] == IMAGE
    assert (accepted["user"], accepted["function"]) == ("rosa", "summary")
    assert sent["size"] == 2
    assert failure["code"] == "exit_nonzero"


def test_what_policy_refused_is_in_the_audit(
    server: FakeServer,
    start: StartDaemon,
    exported: Callable[[], list[dict[str, object]]],
) -> None:
    start(policy={"images": []})
    server.wait_status(server.add_run(IMAGE), "rejected")
    assert exported()[-1]["code"] == "policy_refused"


def test_the_command_verifies(
    server: FakeServer, start: StartDaemon, tmp_path: Path
) -> None:
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")
    wait_until_clean(daemon)
    config = ("--config", str(tmp_path / "node.toml"))
    done = ptm_node("audit", "verify", *config)
    assert done.stdout.startswith("Whole: 3 entries, the newest 3:")
    head = done.stdout.split()[-1]
    assert ptm_node("audit", "verify", *config, "--head", head).returncode == 0
    rewrite(daemon.state / "audit.sqlite3", "DELETE FROM entries WHERE number = 3")
    assert "gone" in failed(1, "audit", "verify", *config, "--head", head)
