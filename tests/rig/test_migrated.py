"""What servers and tests begin with has been migrated as the code is now."""

from pathlib import Path

import pytest

from tools.rig import migrated
from tools.rig.process import free_port
from tools.rig.server import Server


def test_a_server_that_begins_with_a_copy_has_nothing_to_migrate(
    tmp_path: Path,
) -> None:
    migrated.copy_migrated(tmp_path / migrated.FILE_NAME)
    assert Server(tmp_path, free_port()).manage("migrate", "--check") == ""


def test_other_code_is_migrated_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(kept: Path) -> None:
        made.append(kept)
        kept.write_text("a database")

    made: list[Path] = []
    monkeypatch.setattr(migrated, "ROOT", tmp_path)
    monkeypatch.setattr(migrated, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(migrated, "_migrate", note)
    migration = tmp_path / "apps" / "tasks" / "migrations" / "0001_first.py"
    migration.parent.mkdir(parents=True)
    for text, count in (("one", 1), ("one", 1), ("another", 2)):
        migration.write_text(text)
        migrated.copy_migrated(tmp_path / "db.sqlite3")
        assert len(made) == count
    assert (tmp_path / "db.sqlite3").read_text() == "a database"
    assert list((tmp_path / "kept").iterdir()) == made[1:]
