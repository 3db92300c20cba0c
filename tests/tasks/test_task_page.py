"""The task's page: a lane per site, cancel, and run again."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.models import Run, Task
from tests.pages import browser
from tests.stored import acts, nothing_stored
from tests.tasks.task_page import lane, of_site, page
from tests.worlds import World

HOSTILE = "<script>alert(1)</script>\u202e<img src=x onerror=alert(2)>"


def untokened(answer: Any) -> str:
    """The page without the token against forgery, which is new each time."""
    return re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", answer.content.decode())


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


def test_a_finished_task_still_hears_that_it_is_run_again(
    world: World, task: dict[str, Any]
) -> None:
    client = browser(world)
    html = page(client, f"/tasks/{task['id']}/")
    sites = " ".join(f"presence:{site.pk}" for site in world.sites)
    assert f'data-live="task:{task["id"]} {sites}"' in html
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    html = page(client, f"/tasks/{task['id']}/")
    assert "Finished at 3 sites" in html
    assert f'data-live="task:{task["id"]}"' in html


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
CONTROL = [
    ("alice", True, True),
    ("admin0", True, True),
    ("bob", False, False),
    ("carol", False, False),
    ("root", True, False),
]


@pytest.mark.parametrize(("person", "cancels", "repeats"), CONTROL)
def test_cancel_and_run_again_are_offered_to_who_may(
    world: World, task: dict[str, Any], person: str, cancels: bool, repeats: bool
) -> None:
    world.people["root"] = world.platform_admin
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    html = page(browser(world, person), f"/tasks/{task['id']}/")
    assert (f'action="/tasks/{task["id"]}/cancel/"' in html) is cancels
    assert (f'action="/runs/{run["run"]}/again/"' in html) is repeats
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
    assert "Earlier runs" not in page(browser(world, "dave"), path)  # of another site
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
