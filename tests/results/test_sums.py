"""Bytes are summed as they come, or from the file where nobody here saw them all."""

import hashlib
from typing import Any

import pytest

from apps.results import chunks, sums
from tests.daemon import NodeClient
from tests.results.test_upload import DATA, status


def forbidden(*_: object) -> None:
    raise AssertionError("this is not to be asked for")


def test_its_bytes_are_summed_as_they_come(
    node: NodeClient, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "sum_of", forbidden)
    location = node.announce(run, DATA)["Location"]
    for start, end in ((0, 5), (5, 6), (6, len(DATA))):
        assert node.patch(location, DATA[start:end], start).status_code == 204
    assert status(run) == "completed"


def test_a_process_that_saw_only_the_end_sums_the_file(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    sums._kept.clear()
    node.patch(location, DATA[5:6], 5)
    assert node.patch(location, DATA[6:], 6).status_code == 204
    assert status(run) == "completed"


def test_what_another_process_took_meanwhile_is_summed_too(
    node: NodeClient, run: dict[str, Any]
) -> None:
    location = node.announce(run, DATA)["Location"]
    node.patch(location, DATA[:5])
    ours = dict(sums._kept)
    node.patch(location, DATA[5:9], 5)
    sums._kept.update(ours)
    assert node.patch(location, DATA[9:], 9).status_code == 204
    assert status(run) == "completed"


def test_so_many_sums_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "KEPT", 2)
    sums._kept.clear()
    for upload in (1, 2, 3):
        sums.keep(upload, 9, hashlib.sha256(b"123456789"))
    assert list(sums._kept) == [2, 3]
    assert sums.sum_so_far(1, 9) is None
    assert sums.sum_so_far(3, 9) is not None
    assert sums.sum_so_far(3, 9) is None


def test_what_begins_anew_is_summed_anew() -> None:
    sums.keep(1, 9, hashlib.sha256(b"123456789"))
    so_far = sums.sum_so_far(1, 0)
    assert so_far is not None
    assert so_far.hexdigest() == hashlib.sha256().hexdigest()
