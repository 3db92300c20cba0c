"""The log of a run on the task's page: asked for piece by piece, and readable."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.tasks.logtext import SHOWN_BYTES, log_part, readable
from apps.tasks.models import Run
from ptm_site.templatetags.page import size
from tests.pages import browser
from tests.tasks.task_page import lane, of_site, page
from tests.worlds import World


def piece(world: World, run: dict[str, Any], query: str = "") -> Any:
    return browser(world).get(f"/runs/{run['run']}/log/piece/{query}")


def next_piece(html: str) -> str:
    found = re.search(r'hx-get="[^"]*(\?attempt=\d+&amp;offset=\d+)"', html)
    assert found
    return found[1].replace("&amp;", "&")


def lines_of(html: str) -> str:
    """What one reads in the log, without the tags."""
    return re.sub(r"<[^>]*>", "", html.split("<pre>")[-1].split("</pre>")[0])


def test_a_log_is_asked_for_only_when_it_is_opened(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[0].log(run, 0, b"a secret of the log\n")
    html = page(browser(world), f"/tasks/{run['task']['id']}/")
    assert "a secret of the log" not in html
    shown = lane(html, run["run"])
    assert f'hx-get="/runs/{run["run"]}/log/piece/"' in shown
    assert f'href="/runs/{run["run"]}/log/"' in shown  # without scripts
    assert "a secret of the log" in page(browser(world), f"/runs/{run['run']}/log/")


def test_a_queued_run_has_no_log_to_open(world: World, task: dict[str, Any]) -> None:
    html = page(browser(world), f"/tasks/{task['id']}/")
    assert "log/piece" not in html
    empty = page(browser(world), f"/runs/{of_site(task, 0)}/log/")
    assert "The site has sent no log yet." in empty


def test_a_log_grows_from_where_it_was_read(world: World, run: dict[str, Any]) -> None:
    node = world.nodes[0]
    node.log(run, 0, b"one\ntw")
    whole = piece(world, run).content.decode()
    assert f'data-live="log:{run["run"]}"' in whole
    assert lines_of(whole) == "one\ntw"
    node.log(run, 6, b"o\nthr")
    follows = piece(world, run, next_piece(whole)).content.decode()
    assert lines_of(follows) == "two\nthr"
    node.log(run, 11, b"ee\n")
    last = piece(world, run, next_piece(follows)).content.decode()
    assert lines_of(last) == "three\n"
    assert lines_of(piece(world, run, next_piece(last)).content.decode()) == ""


def test_a_letter_and_a_colour_that_arrive_in_two_pieces_are_whole(
    world: World, run: dict[str, Any]
) -> None:
    data = "\x1b[31mzwölf\x1b[0m".encode()
    world.nodes[0].log(run, 0, data[:8])  # within the ö
    first = piece(world, run).content.decode()
    world.nodes[0].log(run, 8, data[8:] + b"\n")
    second = piece(world, run, next_piece(first)).content.decode()
    assert lines_of(second) == "zwölf\n"


def test_another_attempt_takes_the_place_of_the_whole_log(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[0].log(run, 0, b"first\n")
    old = next_piece(piece(world, run).content.decode())
    Run.objects.filter(pk=run["run"]).update(attempt=2)
    answer = piece(world, run, old)
    assert answer["HX-Retarget"] == f"#log-{run['run']}"
    assert answer["HX-Reswap"] == "outerHTML"
    assert "first" not in answer.content.decode()
    assert "Attempt 2" in answer.content.decode()


def test_of_a_long_log_the_end_is_shown_and_the_whole_can_be_downloaded(
    world: World, run: dict[str, Any]
) -> None:
    line = b"x" * 1023 + b"\n"
    for number in range(3):
        world.nodes[0].log(run, number * 200 * 1024, line * 200)
    stored = Run.objects.get(pk=run["run"])
    part = log_part(stored)
    assert len(part.lines) <= SHOWN_BYTES
    assert part.lines.startswith("xxx")
    assert part.skipped + len(part.lines) == part.size == 600 * 1024
    html = piece(world, run).content.decode()
    assert f"[{size(part.skipped)} before this are in the download only]" in html
    assert f'href="/api/v1/runs/{run["run"]}/log/" download=' in html
    # Whoever had read nothing of what came meanwhile is told what is left out.
    assert "before this" in piece(world, run, "?attempt=1&offset=1024").content.decode()
    assert (
        "before this"
        not in piece(world, run, f"?attempt=1&offset={599 * 1024}").content.decode()
    )


def test_a_line_without_end_is_bounded_too(world: World, run: dict[str, Any]) -> None:
    for number in range(2):
        world.nodes[0].log(run, number * 256 * 1024, b"y" * 256 * 1024)
    part = log_part(Run.objects.get(pk=run["run"]))
    assert len(part.unfinished) == SHOWN_BYTES
    assert part.lines == ""


def test_a_log_stays_live_until_its_last_piece_may_have_come(
    world: World, run: dict[str, Any]
) -> None:
    world.nodes[0].complete(run)
    assert "data-live" in piece(world, run).content.decode()
    long_ago = timezone.now() - timedelta(hours=2)
    Run.objects.update(finished_at=long_ago)
    assert "data-live" not in piece(world, run).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?offset=9999999&attempt=1",
        "?offset=99999999999999999&attempt=1",
        f"?offset={'9' * 4000}",
        "?offset=-1&attempt=x",
        "?offset=%C2%B2&attempt=%00",
        "?attempt=7&offset=0",
        "?offset=&attempt=",
    ],
)
def test_no_query_of_a_log_is_our_fault(
    world: World, run: dict[str, Any], query: str
) -> None:
    world.nodes[0].log(run, 0, b"a line\n")
    assert piece(world, run, query).status_code == 200


READABLE = [
    (b"\x1b[1;31mred\x1b[0m", "red"),
    (b"\x1b]0;a title\x07text", "text"),
    (b"\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
    (b"\x1b[2J\x1b[Hgone", "gone"),
    (b"\x1bPq#0\x1b\\sixel", "sixel"),
    (b"\x1b(Bplain", "plain"),
    (b"bar 1\rbar 2\r\nend", "bar 1\nbar 2\nend"),
    (b"bell\x07 null\x00 back\x08", "bell\ufffd null\ufffd back\ufffd"),
    ("gnp\u202eexe".encode(), "gnp\ufffdexe"),
    ("\u2066isolated\u2069 \ufeff".encode(), "\ufffdisolated\ufffd \ufffd"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"\x1b", "\ufffd"),
    ("tab\there — grün 東京 🙂\n".encode(), "tab\there — grün 東京 🙂\n"),
]


@pytest.mark.parametrize(("data", "expected"), READABLE)
def test_control_characters_do_no_harm(data: bytes, expected: str) -> None:
    assert readable(data) == expected


def test_no_title_swallows_the_lines_after_it() -> None:
    assert readable(b"\x1b]0;never ended\nnext line") == "\nnext line"


def test_tags_in_a_log_are_text(world: World, run: dict[str, Any]) -> None:
    world.nodes[0].log(run, 0, b"</pre><script>alert(1)</script>\n<b>")
    html = piece(world, run).content.decode()
    assert "<script>" not in html
    assert "&lt;/pre&gt;&lt;script&gt;" in html
