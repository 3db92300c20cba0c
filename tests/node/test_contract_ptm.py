"""What a container of the platform's own contract is given."""

from pathlib import Path
from typing import Any

import pytest
from ptm_node import config, policy
from ptm_node.clock import Clock
from ptm_node.contracts import ptm
from ptm_node.life import Life
from ptm_node.messages import Key
from ptm_node.runtimes.base import ContainerSpec, sandbox_user
from ptm_node.sources import Sources

from tests.node.examples import assignment
from tests.node.harness import IMAGE, write_config


def laid_out(
    folder: Path, labels: tuple[str, ...] = (), **sections: Any
) -> ContainerSpec:
    workbook = _database(folder / "patients.xlsx")
    databases = {
        "default": _database(folder / "patients.tar.csv"),
        "other": _database(folder / "odd name.c s v"),
        "workbook": {**workbook, "type": "excel", "sheet": "Patients"},
    }
    path = write_config(
        folder, "https://ptm.example.org", databases=databases, **sections
    )
    settings = config.load(path)
    chosen = assignment(Key(5, 2), IMAGE, labels=labels)
    work = folder / "5-2"
    work.mkdir(mode=0o700)
    permit = policy.check(settings, chosen)
    sources = Sources(folder / "cache", settings, Life(Clock())).provide(
        permit.databases, work, lambda: None
    )
    return ptm.lay_out(chosen, permit, sources, settings, work)


def _database(path: Path) -> dict[str, Any]:
    path.touch(mode=0o644)
    return {"type": "csv", "uri": str(path), "collaborations": [1]}


def targets(spec: ContainerSpec) -> dict[str, bool]:
    return {mount.target: mount.read_only for mount in spec.mounts}


def test_three_files_and_nothing_else(tmp_path: Path) -> None:
    spec = laid_out(tmp_path)
    assert targets(spec) == {
        "/app/input.txt": True,
        "/app/output.txt": False,
        "/app/token.txt": True,
    }
    contents = {Path(m.source).name: Path(m.source).read_bytes() for m in spec.mounts}
    assert contents == {"input.txt": b"{}", "output.txt": b"", "token.txt": b""}


def test_the_files_belong_to_the_containers_user_alone(tmp_path: Path) -> None:
    for mount in laid_out(tmp_path).mounts:
        found = Path(mount.source).stat()
        assert (found.st_uid, found.st_gid) == sandbox_user()
        assert found.st_mode & 0o077 == 0
    assert (tmp_path / "5-2").stat().st_mode & 0o777 == 0o700


def test_the_containers_user_is_never_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert sandbox_user() == (65534, 65534)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr("os.getgid", lambda: 1001)
    assert sandbox_user() == (1000, 1001)


def test_the_environment_without_a_database(tmp_path: Path) -> None:
    assert laid_out(tmp_path).environment == {
        "INPUT_FILE": "/app/input.txt",
        "OUTPUT_FILE": "/app/output.txt",
        "TOKEN_FILE": "/app/token.txt",
        "HOME": "/tmp",  # noqa: S108
        "PTM_MIN_COUNT": "10",
    }


def test_the_site_says_what_algorithms_may_share(tmp_path: Path) -> None:
    spec = laid_out(tmp_path, policy={"min_count": 3, "share_extremes": True})
    assert spec.environment["PTM_MIN_COUNT"] == "3"
    assert spec.environment["PTM_SHARE_EXTREMES"] == "1"


def test_only_the_named_databases_are_mounted_and_never_to_be_written(
    tmp_path: Path,
) -> None:
    spec = laid_out(tmp_path, labels=("other",))
    assert targets(spec)["/data/other"]
    assert "/data/default.tar.csv" not in targets(spec)
    assert spec.environment["DATABASE_URI"] == "/data/other"
    assert spec.environment["OTHER_DATABASE_URI"] == "/data/other"
    assert "DEFAULT_DATABASE_URI" not in spec.environment


def test_the_first_database_is_the_default_one(tmp_path: Path) -> None:
    spec = laid_out(tmp_path, labels=("default", "other"))
    assert spec.environment["DATABASE_URI"] == "/data/default.tar.csv"
    assert spec.environment["DEFAULT_DATABASE_TYPE"] == "csv"
    assert spec.environment["OTHER_DATABASE_URI"] == "/data/other"


def test_the_sheet_of_a_workbook_is_named(tmp_path: Path) -> None:
    environment = laid_out(tmp_path, labels=("workbook",)).environment
    assert environment["WORKBOOK_DATABASE_URI"] == "/data/workbook.xlsx"
    assert environment["WORKBOOK_DATABASE_TYPE"] == "excel"
    assert environment["WORKBOOK_SHEET_NAME"] == "Patients"


def test_limits_are_the_sites(tmp_path: Path) -> None:
    spec = laid_out(tmp_path, limits={"memory": "1g", "output": "1k", "pids": 9})
    assert (spec.limits.memory, spec.limits.pids) == (1 << 30, 9)
    assert spec.limits.file_size == 1025


def test_the_sign_in_of_the_images_registry_is_used_and_never_shown(
    tmp_path: Path,
) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    password.chmod(0o600)
    login = {"username": "node", "password_file": str(password)}
    spec = laid_out(tmp_path, registry={"localhost:5050": login})
    assert spec.credentials is not None
    assert spec.credentials.password == "hunter2"
    assert "hunter2" not in repr(spec)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = laid_out(tmp_path / "elsewhere", registry={"localhost:5051": login})
    assert elsewhere.credentials is None
