"""The spool: what may become a result, and that it is not lost."""

import hashlib
import os
from pathlib import Path

import pytest
from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.sections import Size
from ptm_node.spool import Spool

KEY = Key(3, 1)
LIMIT = Size(2048)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "output.txt"


def refused(spool: Spool, source: Path) -> Code:
    with pytest.raises(RunFailure) as failure:
        spool.keep(source, KEY, LIMIT)
    assert not spool.path(KEY).exists()
    return failure.value.code


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'{"n": 1}', "application/json"),
        (b"3", "application/json"),
        (b"{n: 1}", "application/octet-stream"),
        (b"[" * 2000, "application/octet-stream"),
        (b'"\xff"', "application/octet-stream"),
        (b"\x00", "application/octet-stream"),
    ],
)
def test_a_result_is_kept_with_its_sum_and_kind(
    content: bytes, media_type: str, spool: Spool, source: Path
) -> None:
    source.write_bytes(content)
    output = spool.keep(source, KEY, LIMIT)
    assert spool.path(KEY).read_bytes() == content
    assert output.sha256 == hashlib.sha256(content).hexdigest()
    assert (output.size, output.media_type) == (len(content), media_type)


def test_a_large_result_is_not_looked_into(spool: Spool, source: Path) -> None:
    source.write_bytes(b'"' + b"x" * (1 << 20) + b'"')
    output = spool.keep(source, KEY, Size(1 << 30))
    assert output.media_type == "application/octet-stream"
    assert output.size == (1 << 20) + 2


def test_nothing_is_no_result(spool: Spool, source: Path) -> None:
    source.touch()
    assert refused(spool, source) is Code.OUTPUT_MISSING


def test_too_much_is_no_result(spool: Spool, source: Path) -> None:
    source.write_bytes(b"x" * (LIMIT + 1))
    assert refused(spool, source) is Code.OUTPUT_TOO_LARGE


def test_a_link_is_no_result(spool: Spool, source: Path) -> None:
    source.symlink_to("/etc/passwd")
    assert refused(spool, source) is Code.OUTPUT_INVALID


@pytest.mark.timeout(10)
def test_a_pipe_is_no_result_and_is_not_waited_for(spool: Spool, source: Path) -> None:
    os.mkfifo(source)
    assert refused(spool, source) is Code.OUTPUT_INVALID


def test_a_folder_or_a_device_is_no_result(spool: Spool, source: Path) -> None:
    source.mkdir()
    assert refused(spool, source) is Code.OUTPUT_INVALID
    assert refused(spool, Path("/dev/zero")) is Code.OUTPUT_INVALID


def test_a_missing_output_is_no_result(spool: Spool, source: Path) -> None:
    assert refused(spool, source) is Code.OUTPUT_INVALID


def test_a_result_is_synced_before_it_has_its_name(
    spool: Spool, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_bytes(b"{}")
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def note_sync(number: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{number}').readlink().name}")
        sync(number)

    def note_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr("ptm_node.spool.os.fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    spool.keep(source, KEY, LIMIT)
    assert steps == ["sync 3-1.part", "rename", "sync spool"]


def test_half_a_result_leaves_nothing(
    spool: Spool, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    source.write_bytes(b"{}")
    monkeypatch.setattr("ptm_node.spool.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.keep(source, KEY, LIMIT)
    assert list(spool.path(KEY).parent.iterdir()) == []


def test_what_nobody_knows_is_swept(spool: Spool) -> None:
    for key in (KEY, Key(4, 1)):
        spool.path(key).touch()
    spool.sweep({KEY})
    assert [each.name for each in spool.path(KEY).parent.iterdir()] == ["3-1"]
    spool.discard(KEY)
    spool.discard(KEY)
    assert not spool.path(KEY).exists()
