"""Lists that stay the same however much there is: pages, filters, search, queries."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import Event
from apps.nodes.models import Node
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.desk import LISTS, address, desk, listed, shown_to, text
from tests.site.test_queries import grow
from tests.worlds import World

MAX_QUERIES = 20


def cost(user: User, path: str) -> list[str]:
    client = desk(user)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return [query["sql"] for query in captured]


def paths(user: User) -> list[str]:
    lists = [m for m in LISTS if user.is_superuser or m not in (Event, User)]
    return ["/admin/", *(address(model) for model in lists)]


@pytest.mark.parametrize("person", ["root", "admin0"])
def test_no_page_costs_more_queries_when_it_grows(world: World, person: str) -> None:
    user = world.platform_admin if person == "root" else world.people[person]
    world.send()
    for node in world.nodes:
        (run,) = node.claimed()
        node.complete(run)
    world.send()
    before = {path: len(cost(user, path)) for path in paths(user)}
    grow(world)
    assert {path: len(cost(user, path)) for path in paths(user)} == before
    assert max(before.values()) <= MAX_QUERIES, before


@pytest.mark.parametrize("model", [Task, Run, Result, Event])
def test_a_table_that_grows_is_never_counted_nor_skipped_through(
    world: World, model: type[Model]
) -> None:
    world.send()
    for query in ("", "?p=7", "?all=", "?since=week"):
        path = f"{address(model)}{query}"
        for sql in cost(world.platform_admin, path):
            counts_all = re.match(r'SELECT COUNT\(\*\) AS "__count"', sql)
            assert not counts_all, sql
            assert " OFFSET " not in sql


def test_a_list_is_read_page_by_page_without_gap_or_overlap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.tasks.admin import TaskAdmin

    monkeypatch.setattr(TaskAdmin, "list_per_page", 3)
    sent = [world.send()["id"] for _ in range(8)]
    client, found, path = desk(world.people["admin0"]), [], address(Task)
    for _ in range(10):
        page = text(client.get(path))
        found += [
            int(pk) for pk in re.findall(r'/task/(\d+)/change/[^"]*" class=', page)
        ]
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        path = address(Task) + older[1].replace("&amp;", "&")
    assert found == sent[::-1]


def test_the_way_back_leads_to_the_page_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.tasks.admin import TaskAdmin

    monkeypatch.setattr(TaskAdmin, "list_per_page", 2)
    sent = [world.send()["id"] for _ in range(5)]
    admin = world.people["admin0"]
    assert listed(admin, Task, f"before={sent[1]}") == {sent[0]}
    assert listed(admin, Task, f"after={sent[2]}") == set(sent[3:])


def test_another_filter_begins_at_the_newest_row_again(world: World) -> None:
    sent = [world.send()["id"] for _ in range(2)]
    path = f"{address(Task)}?before={sent[1]}"
    page = text(desk(world.people["admin0"]).get(path))
    offered = re.findall(r'href="(\?[^"]*status=[^"]*)"', page)
    assert offered
    assert not [link for link in offered if "before" in link]


def states_of(world: World, query: str) -> set[str]:
    found = listed(world.platform_admin, Run, query)
    return set(Run.objects.filter(pk__in=found).values_list("status", flat=True))


def test_runs_are_filtered_by_state_place_and_time(world: World) -> None:
    sent = world.send()
    (run,) = world.nodes[0].claimed()
    assert states_of(world, "status=claimed") == {"claimed"}
    assert states_of(world, "status=queued") == {"queued"}
    assert listed(world.platform_admin, Run, "status=lost") == set()
    at = f"organization={world.sites[0].pk}"
    assert run["run"] in listed(world.platform_admin, Run, at)
    assert states_of(world, at) == {"claimed"}
    of_task = f"task={sent['id']}"
    assert len(listed(world.platform_admin, Run, of_task)) == 3
    together = f"collaboration={world.collaboration.pk}&{at}"
    assert listed(world.platform_admin, Run, together) == {run["run"]}
    Run.objects.filter(pk=run["run"]).update(
        created_at=timezone.now() - timedelta(days=2)
    )
    assert run["run"] not in listed(world.platform_admin, Run, "since=day")
    assert run["run"] in listed(world.platform_admin, Run, "since=week")


def test_tasks_are_found_by_name_and_by_number(world: World) -> None:
    first = world.send(name="Survival of women")["id"]
    second = world.send(name="Survival of men")["id"]
    admin = world.people["admin0"]
    assert listed(admin, Task, "q=women") == {first}
    assert listed(admin, Task, "q=Survival") == {first, second}
    assert listed(admin, Task, f"q={second}") == {second}
    for query in ("q=%25", "q=" + "9" * 40, "q=%C2%B2"):
        assert listed(admin, Task, query) == set(), query


def test_a_search_reaches_no_further_than_the_list(world: World, rival: World) -> None:
    foreign = rival.send(name="Their secret")["id"]
    admin = world.people["admin0"]
    assert listed(admin, Task, "q=secret") == set()
    assert listed(admin, Task, f"q={foreign}") == set()


HOSTILE_QUERIES = [
    "q=%00",
    "q=" + "9" * 5000,
    "before=x",
    "after=" + "9" * 40,
    "before=-1&after=1",
    "since=",
    "since=x",
    "attention=__class__",
    "o=99",
    "o=x",
    "p=x",
    "p=-1",
    "all=1",
    "e=1",
    "_popup=1",
    "_facets=True",
    "unknown=1",
    "status__in=a,b",
    "_to_field=organization",
]


@pytest.mark.parametrize("query", HOSTILE_QUERIES)
def test_no_query_is_our_fault(world: World, query: str) -> None:
    world.send()
    for model in (Run, Node):
        answer: Any = desk(world.platform_admin).get(f"{address(model)}?{query}")
        assert answer.status_code in (200, 302, 400), query


def test_a_task_and_a_run_are_read_and_never_changed_here(world: World) -> None:
    sent = world.send(purpose="to know")
    admin = world.people["admin0"]
    task = Task.objects.get(pk=sent["id"])
    run = task.runs.get(organization=world.sites[0])
    page = shown_to(admin, task)
    assert f'href="/tasks/{task.pk}/"' in page
    assert "to know" in page
    assert 'name="_save"' not in page + shown_to(admin, run)
    assert "Queued" in shown_to(admin, run)
    for target in (task, run):
        where = address(type(target), "change", target.pk)
        assert desk(admin).post(where, {"status": "finished"}).status_code == 403
        assert desk(admin).get(address(type(target), "add")).status_code == 404


def test_a_runs_page_tells_its_history_and_why_it_failed(world: World) -> None:
    world.send()
    node = world.nodes[0]
    (assigned,) = node.claimed()
    node.report(
        assigned["run"],
        assigned["attempt"],
        "failed",
        code="out_of_memory",
        detail="4 GB were not enough",
    )
    page = shown_to(world.people["admin0"], Run.objects.get(pk=assigned["run"]))
    for words in ("Out of memory", "4 GB were not enough", "Claimed", "Failed"):
        assert words in page
