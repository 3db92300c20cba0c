"""Which columns a site announces, and when it looks at them again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ptm_node import config
from ptm_node.clock import Clock
from ptm_node.columns import Columns, Describer
from ptm_node.describing import Description
from ptm_node.life import Life
from ptm_node.sections import Policy

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import write_config
from tests.node.sql_databases import Database, sql_config

pytestmark = pytest.mark.usefixtures("in_process")


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
