"""The list of tasks: what it shows, finds, and costs."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.choices import Visibility
from apps.tasks import task_search
from apps.tasks.models import Input, Run, Task
from apps.tasks.newest import nearest_tasks
from apps.tasks.services import cancel_task
from tests.pages import browser
from tests.worlds import World

HOSTILE = '<script>alert(1)</script>"\u202egnp.exe'


def page(world: World, query: str = "", person: str = "alice") -> str:
    answer = browser(world, person).get(f"/tasks/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def shown(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="task-(\d+)"', html)]


def add_tasks(
    world: World, count: int, sites: tuple[int, ...] = (0,), **fields: Any
) -> list[int]:
    """Finished tasks with runs, as many as a list needs, without the services."""
    now = timezone.now()
    common = {
        "collaboration": world.collaboration,
        "initiator": world.people["alice"],
        "organization": world.sites[0],
        "version": world.version,
        "function": "summary",
        "visibility": Visibility.ORGANIZATION,
        "status": "finished",
        "finished_at": now,
        "deadline_at": now + timedelta(days=1),
        **fields,
    }
    tasks = Task.objects.bulk_create(
        Task(name=f"Bulk {number}", **common) for number in range(count)
    )
    stored = Input.objects.create(task=tasks[0], data=b"{}", sha256="0" * 64)
    Run.objects.bulk_create(
        Run(
            task=task,
            organization=world.sites[site],
            input=stored,
            status="cancelled",
            status_since=now,
            finished_at=now,
        )
        for task in tasks
        for site in sites
    )
    return [task.pk for task in tasks][::-1]


def test_a_newcomer_is_led_to_the_first_task(world: World) -> None:
    html = page(world)
    assert "No tasks yet" in html
    assert 'href="/tasks/new/"' in html.partition("No tasks yet")[2]


def test_a_row_says_what_where_by_whom_and_how_far(world: World) -> None:
    task = world.send(name="Age at diagnosis")
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    html = page(world)
    assert shown(html) == [task["id"]]
    row = html.partition("<tbody>")[2].partition("</tbody>")[0]
    words = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert "Age at diagnosis 2 queued 1 completed Heart failure Summary" in words
    assert "heart-alice for Heart failure A" in words
    assert "so far" in words
    assert f'href="/tasks/{task["id"]}/"' in row


def test_a_finished_task_says_how_long_it_took(world: World) -> None:
    (pk,) = add_tasks(world, 1)
    finished = timezone.now()
    Task.objects.filter(pk=pk).update(
        created_at=finished - timedelta(minutes=2, seconds=5), finished_at=finished
    )
    assert "2 min 5 s" in page(world)


def test_names_of_strangers_are_only_text(world: World) -> None:
    world.send(name=HOSTILE)
    html = page(world, "?q=%3Cscript%3E")
    assert "<script>alert" not in html
    assert '<a class="anything"' in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("visibility", Visibility.values)
@pytest.mark.parametrize(
    "conditions",
    [{}, {"status": "finished"}, {"name__icontains": "bulk"}, "organization"],
)
def test_the_list_shows_exactly_what_the_reader_may_see(
    world: World, rival: World, visibility: str, conditions: Any
) -> None:
    if conditions == "organization":
        conditions = {"organization": world.sites[0].pk}
    for other in (world, rival):
        other.people["root"] = other.platform_admin
        for sites in ((0,), (1,), (0, 1), (2,)):
            add_tasks(other, 1, sites, visibility=visibility)
        add_tasks(
            other,
            1,
            visibility=visibility,
            initiator=other.people["dave"],
            organization=other.sites[1],
        )
    everything = Task.objects.filter(**conditions)
    for user in (*world.people.values(), *rival.people.values()):
        for order in ("-pk", "pk"):
            found = nearest_tasks(user, conditions, order, 100).order_by(order)
            assert list(found) == list(everything.visible_to(user).order_by(order))


def test_someone_who_left_the_site_finds_nothing(world: World) -> None:
    world.send()
    alice = world.people["alice"]
    alice.memberships.all().delete()
    alice.groups.clear()
    assert "No tasks yet" in page(world)


def test_pages_follow_each_other_without_gap_or_overlap(world: World) -> None:
    pks = add_tasks(world, 60, (0, 1, 2))
    found: list[int] = []
    html = page(world)
    sizes = []
    while True:
        found += shown(html)
        sizes.append(len(shown(html)))
        older = re.search(r'rel="next" href="([^"]+)"', html)
        if older is None:
            break
        html = page(world, older[1].replace("&amp;", "&"))
    assert found == pks
    assert sizes == [25, 25, 10]
    newer = re.search(r'rel="prev" href="([^"]+)"', html)
    assert newer is not None
    assert shown(page(world, newer[1])) == pks[25:50]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=AGE", ["Age"]),
        ("q=%25", []),  # a percent sign is only a percent sign
        ("q=nothing", []),
        ("status=open", ["By dave", "Age"]),
        ("status=finished", ["Ended"]),
        ("mine=on", ["Ended", "Age"]),
        ("organization={B}", ["By dave"]),
        ("organization={A}&status=finished", ["Ended"]),
        ("collaboration={collaboration}", ["Ended", "By dave", "Age"]),
        ("algorithm={algorithm}", ["Ended", "By dave", "Age"]),
        ("algorithm={other}", []),
    ],
)
def test_filters_in_the_address_narrow_the_list(
    world: World, rival: World, query: str, names: list[str]
) -> None:
    world.send(name="Age")
    world.send("dave", name="By dave")
    ended = world.send(name="Ended")
    cancel_task(task=Task.objects.get(pk=ended["id"]), user=world.people["alice"])
    # A second algorithm that alice may see, and that no task used.
    other = AlgorithmVersion.objects.get(pk=rival.version.pk)
    other.collaborations.add(world.collaboration)
    html = page(
        world,
        "?"
        + query.format(
            A=world.sites[0].pk,
            B=world.sites[1].pk,
            collaboration=world.collaboration.pk,
            algorithm=world.version.algorithm_id,
            other=other.algorithm_id,
        ),
    )
    assert re.findall(r'class="anything" href="/tasks/\d+/">([^<]+)<', html) == names
    if not names:
        assert "No task matches" in html
        assert "Show all tasks" in html


@pytest.mark.parametrize("name", ["collaboration", "organization", "algorithm"])
def test_foreign_things_in_a_filter_are_as_good_as_missing(
    world: World, rival: World, name: str
) -> None:
    foreign = {
        "collaboration": rival.collaboration.pk,
        "organization": rival.sites[0].pk,
        "algorithm": rival.version.algorithm_id,
    }[name]

    def told(pk: int) -> str:
        """The answer, without the number itself and the form's own secret."""
        html = page(world, f"?{name}={pk}").replace(f"{name}={pk}", "")
        return re.sub(r'csrfmiddlewaretoken" value="\w+"', "", html)

    assert told(foreign) == told(10**9)
    assert "Choose one of the list." in told(foreign)


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=%ED%A0%80",
        "q=" + "x" * 300,
        "status=lost",
        "mine=maybe",
        "collaboration=%C2%B2",
        "collaboration=99999999999999999999999",
        "organization=-1",
        "algorithm=1e999",
        "before=x",
        "before=999999999999999999",
        "after=999999999999999999",
        "before=0&q=a",
        "after=0&before=1",
    ],
)
def test_no_address_is_our_fault(world: World, query: str) -> None:
    world.send()
    assert "<h1>Tasks</h1>" in page(world, f"?{query}")


def test_a_search_looks_through_a_part_and_offers_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_search, "LOOKED_THROUGH", 10)
    pks = add_tasks(world, 24)
    Task.objects.filter(pk=pks[-1]).update(name="Needle")
    queries = []
    query = "?q=needle"
    while not shown(html := page(world, query)):
        assert "No match yet" in html
        older = re.search(r'rel="next" href="([^"]+)"', html)
        assert older is not None
        query = older[1].replace("&amp;", "&")
        queries.append(query)
    assert shown(html) == [pks[-1]]
    assert len(queries) == 2
    assert "q=needle" in queries[0]


def test_the_list_hears_of_the_collaborations_of_its_reader(
    world: World, rival: World
) -> None:
    html = page(world, "?mine=on")
    assert f'data-live="tasks:{world.collaboration.pk}"' in html
    # It asks again for what it shows.
    assert 'hx-get="/tasks/?mine=on"' in html


def test_only_filters_that_are_set_go_into_the_address(world: World) -> None:
    alice = browser(world)
    typed = "/tasks/?q=a+b&status=&collaboration=&mine=on"
    by_form = alice.get(typed, headers={"HX-Trigger": "task-filters"})
    assert by_form["HX-Replace-Url"] == "/tasks/?q=a+b&mine=on"
    cleared = alice.get("/tasks/?q=", headers={"HX-Trigger": "task-filters"})
    assert cleared["HX-Replace-Url"] == "/tasks/"
    assert "HX-Replace-Url" not in alice.get(typed, headers={"HX-Trigger": "tasks"})


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/tasks/")
    assert (answer.status_code, answer["Location"][:16]) == (302, "/accounts/login/")


def test_a_long_list_costs_no_more_queries_than_a_short_one(world: World) -> None:
    alice = browser(world)

    def cost(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice.get(f"/tasks/{query}").status_code == 200
        return len(captured)

    queries = ("", "?q=bulk", "?status=finished&mine=on", "?before=999999")
    add_tasks(world, 1)
    before = [cost(query) for query in queries]
    add_tasks(world, 40, (0, 1, 2))
    # A full page that is near is found at once; any other is looked for everywhere.
    assert before == [11, 12, 12, 11]
    assert [cost(query) for query in queries] == [8, 9, 9, 11]


def test_sqlite_sorts_no_tasks_to_find_the_newest(world: World) -> None:
    """Each walk follows an index in its order; a sort would read all of them."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL decides by its statistics")
    alice = world.people["alice"]
    for rows in (
        Task.objects.visible_to(alice).order_by("-pk")[:25],
        nearest_tasks(alice, {}, "-pk", 26),
    ):
        assert "TEMP B-TREE FOR ORDER BY" not in rows.explain()
