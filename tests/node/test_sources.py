"""Files that a container may not read as they lie are given to it as a private copy."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node import config, copies
from ptm_node.cache import Cache
from ptm_node.clock import Clock
from ptm_node.errors import RunFailure
from ptm_node.life import Life
from ptm_node.messages import Key
from ptm_node.runtimes.base import Mount, sandbox_user
from ptm_node.sources import Source, Sources

from tests.node.docker_support import Engine, output_of, own_containers
from tests.node.harness import write_config

STEWARD = 4711  # a user of the site, who is nobody here


def own(path: Path, mode: int = 0o600) -> Path:
    """Makes it the steward's."""
    path.chmod(mode)
    os.chown(path, STEWARD, STEWARD)
    return path


class Site:
    """A database `default`, and the folder of one run after the other."""

    def __init__(self, folder: Path, path: Path, kind: str) -> None:
        database = {"type": kind, "uri": str(path), "collaborations": [1]}
        file = write_config(folder, "https://x.example", databases={"d": database})
        self.config = config.load(file)
        self.folder = folder
        self.sources = Sources(folder / "cache", self.config, Life(Clock()))
        self._runs = 0

    def provide(self) -> Source:
        self._runs += 1
        work = self.folder / f"run-{self._runs}"
        work.mkdir(mode=0o700)
        return self.sources.provide(self.config.databases, work, lambda: None)["d"]

    def copies(self) -> list[Path]:
        return list((self.folder / "cache").glob("*/*"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text("age\n50\n")
    return own(path)


def test_a_file_that_all_may_read_is_used_where_it_lies(
    tmp_path: Path, table: Path
) -> None:
    table.chmod(0o644)
    site = Site(tmp_path, table, "csv")
    assert site.provide().path == table
    assert site.copies() == []


def test_a_private_file_is_copied_and_stays_as_it_was(
    tmp_path: Path, table: Path
) -> None:
    before = table.stat()
    found = Site(tmp_path, table, "csv").provide()
    assert found.path.read_text() == "age\n50\n"
    status = found.path.stat()
    assert (status.st_uid, status.st_gid) == sandbox_user()
    assert status.st_mode & 0o777 == 0o400
    assert found.suffixes == ".csv"
    after = table.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_runs_share_one_copy(tmp_path: Path, table: Path) -> None:
    site = Site(tmp_path, table, "csv")
    first, second = site.provide(), site.provide()
    assert first.path != second.path
    assert first.path.stat().st_ino == second.path.stat().st_ino


def test_a_changed_file_is_copied_anew_and_a_run_keeps_what_it_has(
    tmp_path: Path, table: Path
) -> None:
    site = Site(tmp_path, table, "csv")
    first = site.provide()
    table.write_text("age\n50\n60\n")
    assert site.provide().path.read_text() == "age\n50\n60\n"
    assert first.path.read_text() == "age\n50\n"
    assert len(site.copies()) == 1


def test_a_file_that_changes_while_it_is_copied_is_not_used(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = copies.copy

    def slowly(source: Path, target: Path) -> None:
        plain(source, target)
        source.write_text("age\n50\n6")

    monkeypatch.setattr("ptm_node.copies.copy", slowly)
    site = Site(tmp_path, table, "csv")
    with pytest.raises(RunFailure, match="the database d was changed"):
        site.provide()
    assert site.copies() == []


def test_a_start_removes_the_copies_of_databases_that_are_no_more(
    tmp_path: Path, table: Path
) -> None:
    site = Site(tmp_path, table, "csv")
    site.provide()
    Sources(tmp_path / "cache", site.config, Life(Clock()))
    assert len(site.copies()) == 1
    Sources(tmp_path / "cache", site.config._replace(databases={}), Life(Clock()))
    assert site.copies() == []


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of which one file and one folder are private."""
    folder = tmp_path / "scans"
    (folder / "b").mkdir(parents=True)
    (folder / "a.dcm").write_text("a")
    own(folder / "a.dcm")
    (folder / "b" / "c.dcm").write_text("c")
    own(folder / "b", 0o700)
    (folder / "shadow").symlink_to("/etc/shadow")
    os.mkfifo(folder / "pipe")
    return folder


def test_a_folder_is_copied_whole_without_what_lies_elsewhere(
    tmp_path: Path, scans: Path
) -> None:
    found = Site(tmp_path, scans, "folder").provide().path
    assert (found / "a.dcm").read_text() == "a"
    assert (found / "b" / "c.dcm").read_text() == "c"
    assert (found / "shadow").is_symlink()
    assert not (found / "pipe").exists()
    for path in (found, found / "a.dcm", found / "b", found / "b" / "c.dcm"):
        assert (path.stat().st_uid, path.stat().st_gid) == sandbox_user()
        assert path.stat().st_mode & 0o077 == 0
    assert scans.joinpath("a.dcm").stat().st_uid == STEWARD


def test_a_folder_with_another_file_is_another_version(
    tmp_path: Path, scans: Path
) -> None:
    site = Site(tmp_path, scans, "folder")
    site.provide()
    (scans / "b" / "d.dcm").write_text("d")
    assert (site.provide().path / "b" / "d.dcm").read_text() == "d"
    assert len(site.copies()) == 1


def test_what_goes_away_meanwhile_is_one_sentence_without_a_path(
    tmp_path: Path, table: Path
) -> None:
    site = Site(tmp_path, table, "csv")
    table.unlink()
    with pytest.raises(RunFailure) as failure:
        site.provide()
    assert failure.value.detail == "the database d cannot be opened at this site"


def test_whoever_asks_while_a_version_is_built_shares_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    building, go_on = threading.Event(), threading.Event()
    built = []

    def build(path: Path) -> None:
        building.set()
        assert go_on.wait(30)
        built.append(path)
        path.write_text("rows")

    def ask(name: str) -> threading.Thread:
        place = tmp_path / name
        thread = threading.Thread(
            target=cache.provide, args=("source", "version", build, place)
        )
        thread.start()
        return thread

    first = ask("first")
    assert building.wait(30)
    second = ask("second")
    go_on.set()
    first.join()
    second.join()
    assert len(built) == 1
    assert (tmp_path / "second").read_text() == "rows"


def test_a_version_that_could_not_be_built_is_built_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    def breaks(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.provide("source", "version", breaks, tmp_path / "first")
    assert [*(tmp_path / "cache").glob("*/*")] == []
    cache.provide("source", "version", Path.touch, tmp_path / "second")
    assert (tmp_path / "second").exists()


@pytest.fixture
def engine(
    docker_client: docker.DockerClient, probe_image: str, tmp_path: Path
) -> Iterator[Engine]:
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path / "engine", probe_image, node)
        (tmp_path / "engine").mkdir()
        yield engine
        engine.runtime.close()


def read(engine: Engine, path: Path, key: Key) -> Any:
    """What a container says of the file, or None if it could not read it."""
    mount = Mount(str(path), "/data/d.csv", read_only=True)
    environment = {"D_DATABASE_URI": "/data/d.csv"}
    wanted = engine.spec("echo", key=key, mounts=(mount,), environment=environment)
    ending, _ = engine.run(wanted)
    return json.loads(output_of(wanted)) if ending.code == 0 else None


@pytest.mark.docker
def test_a_container_reads_what_only_the_steward_may(
    engine: Engine, tmp_path: Path, table: Path
) -> None:
    assert read(engine, table, Key(1, 1)) is None, "no copy was needed"
    seen = read(engine, Site(tmp_path, table, "csv").provide().path, Key(2, 1))
    assert seen["databases"]["/data/d.csv"]["bytes"] == 7
    assert not seen["writable"]["/data/d.csv"]
