"""The task's page: a lane per site, cancel, run again, and the log."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.logtext import SHOWN_BYTES, log_part, readable
from apps.tasks.models import Run, Task
from ptm_site.templatetags.page import size
from tests.stored import acts, nothing_stored
from tests.worlds import World

HOSTILE = "<script>alert(1)</script>\u202e<img src=x onerror=alert(2)>"


@pytest.fixture
def task(world: World) -> dict[str, Any]:
    sent: dict[str, Any] = world.send()
    return sent


def browser(world: World, person: str = "alice") -> Client:
    client = Client()
    client.force_login(world.people[person])
    return client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def untokened(answer: Any) -> str:
    """The page without the token against forgery, which is new each time."""
    return re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", answer.content.decode())


def lane(html: str, run: int) -> str:
    """The lane of a run, cut out of its page."""
    found = re.search(rf'<li class="lane" id="lane-{run}">.*?</li>', html, re.DOTALL)
    assert found
    return found[0]


def of_site(task: dict[str, Any], number: int) -> int:
    run: int = task["runs"][number]["id"]
    return run


def test_it_says_who_asked_for_what_and_where_it_stands(
    world: World, task: dict[str, Any]
) -> None:
    html = page(browser(world), f"/tasks/{task['id']}/")
    for words in (
        "Summary of age",
        "heart-alice",
        "Heart failure A",
        world.version.digest[:19],
        f'data-copy="{world.version.image}"',
        '<code class="anything">default</code>',
        "to test",
        "0 of 3 sites finished",
    ):
        assert words in html
    for run, site in zip(task["runs"], world.sites, strict=True):
        shown = lane(html, run["id"])
        assert site.name in shown
        assert "Queued" in shown
        assert "<rect" in shown
    assert "style=" not in html


def test_who_may_not_see_it_gets_the_answer_of_a_missing_one(
    world: World, rival: World, task: dict[str, Any]
) -> None:
    run = of_site(task, 0)
    client = browser(rival)
    for path in ("/tasks/{}/", "/runs/{}/log/", "/runs/{}/log/piece/"):
        pk = task["id"] if "tasks" in path else run
        foreign, missing = client.get(path.format(pk)), client.get(path.format(10**17))
        assert foreign.status_code == missing.status_code == 404
        assert untokened(foreign) == untokened(missing)
    for path in ("/tasks/{}/cancel/", "/runs/{}/again/"):
        pk = task["id"] if "tasks" in path else run
        with nothing_stored():
            foreign = client.post(path.format(pk))
        assert foreign.status_code == client.post(path.format(10**17)).status_code
        assert foreign.status_code == 404


def test_a_stranger_is_asked_to_sign_in(task: dict[str, Any]) -> None:
    for path in (f"/tasks/{task['id']}/", f"/runs/{of_site(task, 0)}/log/piece/"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


def test_a_site_sees_its_own_lane_only(world: World, task: dict[str, Any]) -> None:
    html = page(browser(world, "dave"), f"/tasks/{task['id']}/")
    assert lane(html, of_site(task, 1))
    assert f"lane-{of_site(task, 0)}" not in html
    assert "0 of 1 site finished" in html


def test_it_is_live_until_it_has_finished(world: World, task: dict[str, Any]) -> None:
    client = browser(world)
    html = page(client, f"/tasks/{task['id']}/")
    sites = " ".join(f"presence:{site.pk}" for site in world.sites)
    assert f'data-live="task:{task["id"]} {sites}"' in html
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    section = page(client, f"/tasks/{task['id']}/").split('<section id="lanes"')[1]
    head = section.split(">")[0]
    assert "data-live" not in head
    assert "hx-" not in head
    assert "Finished at 3 sites" in section


def test_only_what_runs_moves(world: World, task: dict[str, Any]) -> None:
    (run,) = world.nodes[0].claimed()
    world.nodes[0].report(run["run"], 1, "running")
    html = page(browser(world), f"/tasks/{task['id']}/")
    assert lane(html, run["run"]).count("bar-moving") == 1
    assert html.count("bar-moving") == 1


def test_hostile_words_are_shown_as_words(world: World) -> None:
    task = world.send(name=HOSTILE, purpose=HOSTILE)
    (run,) = world.nodes[0].claimed()
    world.nodes[0].report(run["run"], 1, "failed", code="exit_nonzero", detail=HOSTILE)
    html = page(browser(world), f"/tasks/{task['id']}/")
    assert "<script>alert" not in html
    assert "<img" not in html.split("<main")[1]
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert escaped in lane(html, run["run"])
    assert html.count(escaped) >= 4  # title, heading, purpose, lane


# Who may, and who only looks.
CONTROL = [("alice", True), ("admin0", True), ("bob", False), ("carol", False)]


@pytest.mark.parametrize(("person", "may"), CONTROL)
def test_cancel_and_run_again_are_offered_to_who_may(
    world: World, task: dict[str, Any], person: str, may: bool
) -> None:
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    html = page(browser(world, person), f"/tasks/{task['id']}/")
    assert (f'action="/tasks/{task["id"]}/cancel/"' in html) is may
    assert (f'action="/runs/{run["run"]}/again/"' in html) is may
    assert f'action="/runs/{of_site(task, 1)}/again/"' not in html  # it goes on
    with nothing_stored():
        refused = [
            browser(world, "bob").post(f"/tasks/{task['id']}/cancel/").status_code,
            browser(world, "bob").post(f"/runs/{run['run']}/again/").status_code,
        ]
    assert refused == [403, 403]


def test_a_cancel_names_what_follows_and_does_it(
    world: World, task: dict[str, Any]
) -> None:
    client, path = browser(world), f"/tasks/{task['id']}/"
    (done,) = world.nodes[0].claimed()
    world.nodes[0].complete(done)
    (held,) = world.nodes[1].claimed()
    follows = "Cancels 1 running run and 1 queued run; 1 finished result stays."
    assert follows in page(client, path)
    answer = client.post(f"{path}cancel/", follow=True)
    assert answer.redirect_chain == [(path, 302)]
    html = answer.content.decode()
    assert "Cancelled. A run that has started ends when its node confirms." in html
    assert "Cancel sent" in lane(html, held["run"])
    assert "Cancelled on request" in lane(html, of_site(task, 2))
    assert "Completed" in lane(html, done["run"])
    assert f'action="{path}cancel/"' not in html  # nothing is left to cancel
    assert acts("task.cancelled", object_id=task["id"]) == 1
    stored = Run.objects.filter(task=task["id"]).order_by("id")
    states = list(stored.values_list("status", flat=True))
    assert states == ["completed", "claimed", "cancelled"]


def test_what_changes_something_is_not_done_by_looking(
    world: World, task: dict[str, Any]
) -> None:
    client = browser(world)
    with nothing_stored():
        assert client.get(f"/tasks/{task['id']}/cancel/").status_code == 405
        assert client.get(f"/runs/{of_site(task, 0)}/again/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["alice"])
    with nothing_stored():
        assert strict.post(f"/tasks/{task['id']}/cancel/").status_code == 403


def test_run_again_makes_a_new_lane_and_lists_the_earlier_run(
    world: World, task: dict[str, Any]
) -> None:
    client, path = browser(world), f"/tasks/{task['id']}/"
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    assert "Earlier runs" not in page(client, path)
    html = client.post(f"/runs/{run['run']}/again/", follow=True).content.decode()
    again = Run.objects.get(supersedes=run["run"])
    assert "Queued" in lane(html, again.pk)
    assert f"lane-{run['run']}" not in html
    earlier = html.split("Earlier runs")[1]
    assert f'href="/runs/{run["run"]}/log/"' in earlier
    assert f'href="/results/{Run.objects.get(pk=run["run"]).result.pk}/"' in earlier


def test_run_again_that_cannot_be_says_why_on_the_page(
    world: World, task: dict[str, Any]
) -> None:
    client = browser(world)
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    withdraw_version(version=world.version, actor=SYSTEM)
    with nothing_stored():
        answer = client.post(f"/runs/{run['run']}/again/", follow=True)
    assert answer.redirect_chain == [(f"/tasks/{task['id']}/", 302)]
    assert "The image is not allowed any more." in answer.content.decode()


def test_it_costs_the_same_however_many_sites_and_moves(world: World) -> None:
    def cost(pk: int) -> int:
        client = browser(world)
        with CaptureQueriesContext(connection) as captured:
            page(client, f"/tasks/{pk}/")
        return len(captured)

    small = world.send(organizations=[world.sites[0].pk])["id"]
    (run,) = world.nodes[0].claimed()
    large = world.send()["id"]
    before = cost(small), cost(large)
    for node in world.nodes[:2]:
        for run in node.claimed():
            node.report(run["run"], 1, "running")
    assert cost(large) <= max(before)
    assert max(before) <= 34


# The log


@pytest.fixture
def run(world: World) -> dict[str, Any]:
    world.send(organizations=[world.sites[0].pk])
    (assignment,) = world.nodes[0].claimed()
    return assignment


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


def test_rights_that_end_close_page_and_log(world: World, run: dict[str, Any]) -> None:
    client = browser(world, "bob")
    paths = [f"/tasks/{run['task']['id']}/", f"/runs/{run['run']}/log/piece/"]
    assert [client.get(path).status_code for path in paths] == [200, 200]
    membership = Membership.objects.get(user=world.people["bob"])
    end_membership(membership=membership, actor=SYSTEM)
    assert [client.get(path).status_code for path in paths] == [404, 404]


def test_the_whole_collaboration_may_look_but_not_control(world: World) -> None:
    Collaboration.objects.filter(pk=world.collaboration.pk).update(
        visibility=Visibility.COLLABORATION
    )
    world.collaboration.refresh_from_db()
    task = world.send()
    client = browser(world, "dave")
    html = page(client, f"/tasks/{task['id']}/")
    assert "0 of 3 sites finished" in html
    assert "/cancel/" not in html
    assert client.post(f"/tasks/{task['id']}/cancel/").status_code == 403
    assert Task.objects.get(pk=task["id"]).status == "open"
