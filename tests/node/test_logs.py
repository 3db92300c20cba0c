"""The logs of containers at the site: bounded in size and in number."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ptm_node import logs
from ptm_node.errors import RunFailure
from ptm_node.logs import LogFolder, LogKeeper
from ptm_node.messages import Code, Key
from ptm_node.runtimes.base import Handle

HANDLE = Handle(Key(1, 1), "c")


class Talking:
    """As much of a runtime as a log needs."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.read = 0

    @contextmanager
    def logs(self, handle: Handle) -> Iterator[Iterator[bytes]]:
        yield self._read()

    def _read(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.read += 1
            yield piece


def keep(runtime: Any, path: Path, limit: int) -> int:
    """Follows a log to its end; says how often it was told to have grown."""
    growth: list[int] = []
    keeper = LogKeeper(runtime, HANDLE, path, limit, lambda: growth.append(1))
    keeper.start()
    keeper.finish(10)
    return len(growth)


def test_a_log_is_kept_as_it_comes(tmp_path: Path) -> None:
    assert keep(Talking(b"one\n", b"two\n"), tmp_path / "log", 100) == 2
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"


def test_nothing_is_read_beyond_the_bound(tmp_path: Path) -> None:
    endless = Talking(*[b"x" * 10] * 100)
    keep(endless, tmp_path / "log", 25)
    assert (tmp_path / "log").read_bytes() == b"x" * 25
    assert endless.read == 3


def test_a_log_that_cannot_be_read_costs_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent:
        def logs(self, handle: Handle) -> object:
            raise RunFailure(Code.INTERNAL, "no log")

    assert keep(Silent(), tmp_path / "log", 100) == 0
    assert "incomplete" in caplog.text


def test_the_oldest_logs_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_KEPT_FILES", 3)
    folder = LogFolder(tmp_path / "logs")
    for run in range(5):
        path = folder.path(Key(run, 1))
        path.touch()
        os.utime(path, (run, run))
    folder.make_room()
    kept = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert kept == ["3-1.log", "4-1.log"]


def test_a_log_that_goes_meanwhile_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several attempts make room at the same moment."""
    monkeypatch.setattr(logs, "_KEPT_FILES", 2)
    folder = LogFolder(tmp_path / "logs")
    for run in range(3):
        folder.path(Key(run, 1)).touch()
    # Listed, and not there.
    folder.path(Key(9, 1)).symlink_to(tmp_path / "gone")
    folder.make_room()
    assert len([*(tmp_path / "logs").glob("[0-2]-1.log")]) == 1
