"""A run's log: pieces that join by offset, whatever bytes they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.tasks.models import LogChunk, Run
from tests.daemon import OCTETS
from tests.stored import nothing_stored
from tests.worlds import World

KIB = 1024


def shown(world: World, run: dict[str, Any], query: str = "") -> Any:
    return world.person("alice").get(f"/api/v1/runs/{run['run']}/log/{query}")


def test_pieces_join_and_are_shown_as_text(world: World, run: dict[str, Any]) -> None:
    node = world.nodes[0]
    first = node.log(run, 0, b"one ")
    second = node.log(run, 4, "zwö\n".encode())
    assert (first.status_code, first["Upload-Offset"]) == (204, "4")
    assert (second.status_code, second["Upload-Offset"]) == (204, "9")
    answer = shown(world, run)
    assert answer.content.decode() == "one zwö\n"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Run.objects.get(pk=run["run"]).log_size == 9


@pytest.mark.parametrize("offset", [0, 3, 5, 10**6])
def test_a_repeat_an_overlap_and_a_gap_are_told_the_right_offset(
    world: World, run: dict[str, Any], offset: int
) -> None:
    world.nodes[0].log(run, 0, b"four")
    with nothing_stored():
        answer = world.nodes[0].log(run, offset, b"more")
    assert (answer.status_code, answer.json()["code"]) == (409, "offset_conflict")
    assert answer["Upload-Offset"] == "4"


def test_an_empty_piece_asks_for_the_offset(world: World, run: dict[str, Any]) -> None:
    world.nodes[0].log(run, 0, b"four")
    with nothing_stored():
        answer = world.nodes[0].log(run, 4, b"")
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "4")


def test_any_bytes_are_kept_as_they_are(world: World, run: dict[str, Any]) -> None:
    garbage = bytes(range(256)) * 8
    world.nodes[0].log(run, 0, garbage)
    assert shown(world, run).content == garbage


def test_it_can_be_read_from_an_offset(world: World, run: dict[str, Any]) -> None:
    world.nodes[0].log(run, 0, b"0123")
    world.nodes[0].log(run, 4, b"4567")
    table = {
        "?offset=6": b"67",
        "?offset=8": b"",
        "?offset=99": b"",
        "?offset=": b"01234567",
        "?offset=-2": b"01234567",
        "?offset=x": b"01234567",
        "?offset=%C2%B2": b"01234567",  # a superscript two is a digit to Python
        f"?offset={'9' * 5000}": b"01234567",
    }
    assert {query: shown(world, run, query).content for query in table} == table


def test_a_piece_has_256_kib_and_a_log_one_mib_at_most(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    with nothing_stored():
        answer = node.log(run, 0, b"x" * (256 * KIB + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "chunk_too_large")
    for piece in range(4):
        assert node.log(run, piece * 256 * KIB, b"x" * 256 * KIB).status_code == 204
    with nothing_stored():
        answer = node.log(run, 1024 * KIB, b"x")
    assert (answer.status_code, answer.json()["code"]) == (413, "log_full")


def test_it_is_open_for_an_hour_after_the_end(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    node.report(run["run"], 1, "failed", code="exit_nonzero")
    assert node.log(run, 0, b"last words").status_code == 204
    Run.objects.update(finished_at=timezone.now() - timedelta(minutes=61))
    with nothing_stored():
        answer = node.log(run, 10, b"more")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_terminal")


def test_each_attempt_has_its_own_and_the_present_one_is_shown(
    world: World, run: dict[str, Any]
) -> None:
    node = world.nodes[0]
    node.log(run, 0, b"first")
    node.report(run["run"], 1, "queued", code="node_stopping")
    with nothing_stored():
        assert node.log(run, 5, b"late").json()["code"] == "attempt_stale"
    (again,) = node.claimed()
    node.log(again, 0, b"second")
    assert shown(world, run).content == b"second"
    assert LogChunk.objects.count() == 2


@pytest.mark.parametrize(
    ("query", "offset"),
    [
        ("?attempt=1", ""),
        ("?attempt=1", "-1"),
        ("?attempt=1", "1e3"),
        ("?attempt=1", "9" * 30),
        ("?attempt=1", "²"),
        ("", "0"),
        ("?attempt=", "0"),
        ("?attempt=-1", "0"),
        ("?attempt=x", "0"),
    ],
)
def test_wrong_numbers_are_refused(
    world: World, run: dict[str, Any], query: str, offset: str
) -> None:
    node = world.nodes[0]
    with nothing_stored():
        answer = node.client.patch(
            f"/api/v1/node/runs/{run['run']}/log/{query}",
            b"x",
            content_type=OCTETS,
            headers={**node.headers, "Upload-Offset": offset},
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "header_invalid")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_another_content_type_is_refused(
    world: World, run: dict[str, Any], kind: str
) -> None:
    node = world.nodes[0]
    with nothing_stored():
        answer = node.client.patch(
            f"/api/v1/node/runs/{run['run']}/log/?attempt=1",
            b"x",
            content_type=kind,
            headers={**node.headers, "Upload-Offset": "0"},
        )
    assert answer.status_code == 415
