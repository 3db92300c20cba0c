"""Columns that sites announce: a task for another one is refused before anything."""

import copy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.nodes.models import DatabaseRelease, Node
from apps.tasks.models import Task
from tests.daemon import NodeClient
from tests.pages import browser
from tests.stored import nothing_stored
from tests.tasks.new_task import errors, form_of, send, show, text
from tests.worlds import World, add_node

pytestmark = pytest.mark.backends

AGE = {"name": "age", "type": "integer"}
SEX = {"name": "sex", "type": "text"}
STAGE = {"name": "stage", "type": "text"}


def announce(
    world: World, node: NodeClient, *columns: dict[str, str] | None, **more: Any
) -> None:
    """The node's database has these columns, others what `more` says by label."""
    databases = [
        {"label": label, "type": "csv", "columns": listed}
        for label, listed in {"default": list(columns), **more}.items()
    ]
    if columns == (None,):
        databases[0]["columns"] = None
    answer = node.hello([{"id": world.collaboration.pk, "databases": databases}])
    assert answer.status_code == 200, answer.json()


def take_columns(world: World, **changes: Any) -> None:
    """The function's arguments say that they are columns."""
    manifest = copy.deepcopy(world.version.manifest)
    function = manifest["functions"][0]
    properties = function["arguments"]["properties"]
    properties["columns"]["items"]["format"] = "column"
    properties["group_by"] = {"type": ["string", "null"], "format": "column"}
    function.update(changes)
    world.version.manifest = manifest
    world.version.save()


@pytest.fixture
def shared(world: World) -> World:
    """A and B announce age and sex, B stage too; C announces nothing."""
    take_columns(world)
    announce(world, world.nodes[0], AGE, SEX)
    announce(world, world.nodes[1], AGE, SEX, STAGE)
    return world


def post(world: World, *columns: str, path: str = "tasks/", **changes: Any) -> Any:
    body = world.task_body(arguments={"columns": list(columns)}, **changes)
    return world.person("alice").post(f"/api/v1/{path}", body, format="json")


def test_a_column_that_a_site_lacks_is_refused_at_its_field(shared: World) -> None:
    shared.person("alice")
    with nothing_stored():
        answer = post(shared, "age", "stage")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "column_unknown")
    said = ["Heart failure A has no column stage in default."]
    assert problem["errors"] == {"arguments/columns/1": said}
    assert problem["detail"] == said[0]
    assert [node.claimed() for node in shared.nodes] == [[], [], []]


def test_every_site_and_every_column_is_named(shared: World) -> None:
    body = shared.task_body(arguments={"columns": ["x", "age"], "group_by": "stage"})
    answer = shared.person("alice").post("/api/v1/tasks/", body, format="json")
    assert answer.json()["errors"] == {
        "arguments/columns/0": [
            "Heart failure A has no column x in default.",
            "Heart failure B has no column x in default.",
        ],
        "arguments/group_by": ["Heart failure A has no column stage in default."],
    }


def test_what_all_have_is_sent_and_claimed(shared: World) -> None:
    assert post(shared, "age", "sex").status_code == 201
    assert [len(node.claimed()) for node in shared.nodes] == [1, 1, 1]


def test_a_site_that_announces_none_is_not_judged(shared: World) -> None:
    own = [shared.sites[2].pk]
    assert post(shared, "anything", organizations=own).status_code == 201


def test_an_empty_announcement_has_no_column(shared: World) -> None:
    announce(shared, shared.nodes[2])
    assert post(shared, "age", organizations=[shared.sites[2].pk]).status_code == 422


def test_names_are_compared_as_they_are(shared: World) -> None:
    for name in ("Age", "age ", "", "a" * 10_000):
        answer = post(shared, name)
        assert answer.json()["code"] == "column_unknown"
        assert len(answer.content) < 3000


def test_thousands_of_names_make_a_short_answer(shared: World) -> None:
    answer = post(shared, *map(str, range(5_000)))
    assert answer.json()["code"] == "column_unknown"
    assert len(answer.json()["errors"]) == 100


def test_an_argument_that_says_nothing_of_columns_is_not_judged(world: World) -> None:
    announce(world, world.nodes[0], AGE)
    assert post(world, "anything").status_code == 201


def test_one_of_several_databases_is_enough(shared: World) -> None:
    take_columns(shared, databases=[{"types": ["csv"]}, {"types": ["csv"]}])
    node, site = shared.nodes[0], shared.sites[0]
    asked: dict[str, Any] = {
        "organizations": [site.pk],
        "databases": [{"label": "default"}, {"label": "more"}],
    }
    announce(shared, node, AGE, more=[STAGE])
    assert post(shared, "age", "stage", **asked).status_code == 201
    said = post(shared, "sex", **asked).json()["errors"]["arguments/columns/0"]
    assert said == ["Heart failure A has no column sex in default or more."]
    # Of one nothing is known: it may have them all.
    announce(shared, node, AGE, more=None)
    assert post(shared, "sex", **asked).status_code == 201


def test_columns_of_another_database_do_not_count(shared: World) -> None:
    announce(shared, shared.nodes[0], AGE, other=[STAGE])
    assert post(shared, "stage", organizations=[shared.sites[0].pk]).status_code == 422


def test_columns_of_another_collaboration_do_not_count(
    shared: World, rival: World
) -> None:
    node, own = shared.nodes[0], shared.collaboration.pk
    databases = [{"label": "default", "type": "csv", "columns": [AGE]}]
    elsewhere = [{"label": "default", "type": "csv", "columns": [STAGE]}]
    node.hello(
        [
            {"id": own, "databases": databases},
            {"id": rival.collaboration.pk, "databases": elsewhere},
        ]
    )
    assert post(shared, "stage", organizations=[shared.sites[0].pk]).status_code == 422


def test_what_a_query_of_ones_own_gives_is_not_known(shared: World) -> None:
    database = [{"label": "default", "query": "SELECT 1 AS x"}]
    assert post(shared, "x", databases=database).status_code == 201


def test_one_of_two_nodes_is_enough_if_it_has_all(shared: World) -> None:
    second = add_node(shared, shared.sites[0], shared.people["admin0"])
    announce(shared, second, STAGE)
    own = [shared.sites[0].pk]
    assert post(shared, "age", "sex", organizations=own).status_code == 201
    assert post(shared, "stage", organizations=own).status_code == 201
    assert post(shared, "age", "stage", organizations=own).status_code == 422
    announce(shared, second, None)
    assert post(shared, "age", "stage", organizations=own).status_code == 201


def test_only_the_node_that_has_them_claims_the_run(shared: World) -> None:
    first, site = shared.nodes[0], shared.sites[0]
    second = add_node(shared, site, shared.people["admin0"])
    announce(shared, second, STAGE)
    task = post(shared, "stage", organizations=[site.pk]).json()
    plain = post(shared, "age", organizations=[site.pk]).json()
    assert first.hello(shared_by(shared, AGE, SEX)).json()["work"] is True
    assert [run["task"]["id"] for run in first.claimed()] == [plain["id"]]
    assert first.claimed() == []
    page = text(browser(shared, "alice").get(f"/tasks/{task['id']}/"))
    assert "Waits for a free place" in page
    Node.objects.filter(pk=second.node.pk).update(last_seen_at=None)
    page = text(browser(shared, "alice").get(f"/tasks/{task['id']}/"))
    assert "No node online at Heart failure A has all columns of this task." in page
    assert [run["task"]["id"] for run in second.claimed()] == [task["id"]]


def test_what_every_node_had_is_for_every_node(shared: World) -> None:
    task = post(shared, "age", organizations=[shared.sites[0].pk]).json()
    assert Task.objects.get(pk=task["id"]).columns == []
    # Its file lost the column: the algorithm says so, and nobody waits for ever.
    announce(shared, shared.nodes[0], SEX)
    assert len(shared.nodes[0].claimed()) == 1


def shared_by(world: World, *columns: dict[str, str]) -> list[dict[str, Any]]:
    database = {"label": "default", "type": "csv", "columns": list(columns)}
    return [{"id": world.collaboration.pk, "databases": [database]}]


def test_columns_take_no_query_more(shared: World) -> None:
    client = shared.person("alice")
    client.get("/api/v1/me/")  # the token's first use of the day is noted

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert post(shared, "age").status_code == 201
        asked = [query["sql"] for query in captured.captured_queries]
        return len([sql for sql in asked if "SAVEPOINT" not in sql])

    with_columns = cost()
    shared.version.manifest = world_without(shared)
    shared.version.save()
    assert cost() == with_columns


def world_without(world: World) -> Any:
    manifest = copy.deepcopy(world.version.manifest)
    properties = manifest["functions"][0]["arguments"]["properties"]
    del properties["columns"]["items"]["format"], properties["group_by"]["format"]
    return manifest


def test_where_no_column_is_named_none_are_read(world: World) -> None:
    with CaptureQueriesContext(connection) as captured:
        world.send()
    assert not [q for q in captured if '_databaserelease"."columns"' in q["sql"]]


def test_a_forecast_says_which_site_lacks_it(shared: World) -> None:
    sites = post(shared, "age", "stage", path="tasks/forecast/").json()["sites"]
    assert [(s["answer"], s["reason"]) for s in sites] == [
        ("no", "It has no column stage."),
        ("yes", ""),
        ("yes", ""),
    ]
    assert not Task.objects.exists()


class TestAnnouncement:
    @pytest.mark.parametrize(
        ("columns", "field"),
        [
            ({}, ""),
            ([{"name": "age"}], "/0/type"),
            ([{"name": "age", "type": "a float"}], "/0/type"),
            ([{"name": "", "type": "text"}], "/0/name"),
            ([{"name": 3.5, "type": []}], "/0/type"),
            ([{"name": "x" * 201, "type": "text"}], "/0/name"),
            ([{"name": "a\x00", "type": "text"}], "/0/name"),
            ([{"name": "a\nb", "type": "text"}], "/0/name"),
            ([{"name": "a\u202eb", "type": "text"}], "/0/name"),
            ([{"name": "a\u2028b", "type": "text"}], "/0/name"),
            ([AGE, AGE], ""),
            ([{"name": str(n), "type": "text"} for n in range(2001)], ""),
            ("age", ""),
        ],
    )
    def test_a_wrong_one_is_refused_and_changes_nothing(
        self, world: World, columns: Any, field: str
    ) -> None:
        announce(world, world.nodes[0], AGE)
        database = {"label": "default", "type": "csv", "columns": columns}
        offer = {"id": world.collaboration.pk, "databases": [database]}
        with nothing_stored():
            answer = world.nodes[0].hello([offer])
        assert answer.status_code == 422
        place = f"announce/collaborations/0/databases/0/columns{field}"
        assert any(name.startswith(place) for name in answer.json()["errors"])
        assert stored(world.nodes[0]) == [AGE]

    def test_the_same_start_announces_anew(self, world: World) -> None:
        node = world.nodes[0]
        announce(world, node, AGE)
        assert stored(node) == [AGE]
        announce(world, node, AGE, SEX)
        assert stored(node) == [AGE, SEX]
        announce(world, node, None)
        assert stored(node) is None
        assert node.heartbeat([]).status_code == 200

    def test_two_thousand_and_names_of_any_tongue_are_taken(self, world: World) -> None:
        names = [f"größe {n} 症状" for n in range(2000)]
        announce(world, world.nodes[0], *({"name": n, "type": "number"} for n in names))
        found = stored(world.nodes[0])
        assert [each["name"] for each in found] == names

    def test_the_api_shows_them_where_it_shows_the_databases(
        self, shared: World, rival: World
    ) -> None:
        pk = shared.nodes[0].node.pk
        node = shared.person("alice").get(f"/api/v1/nodes/{pk}/").json()
        assert node["serves"] == [
            {
                "collaboration": shared.collaboration.pk,
                "databases": [
                    {"label": "default", "type": "csv", "columns": [AGE, SEX]}
                ],
            }
        ]
        silent = shared.nodes[2].node.pk
        node = shared.person("alice").get(f"/api/v1/nodes/{silent}/").json()
        assert node["serves"][0]["databases"][0]["columns"] is None
        assert rival.person("alice").get(f"/api/v1/nodes/{pk}/").status_code == 404


def stored(node: NodeClient) -> Any:
    return DatabaseRelease.objects.get(enrolment__node=node.node).columns


class TestPage:
    def test_it_offers_what_the_chosen_sites_share(self, shared: World) -> None:
        answer = show(shared)
        words = text(answer)
        assert "2 columns at all 2 sites that announce columns" in words
        assert "age integer sex text" in words
        assert "stage" not in words
        assert "Heart failure C announces no columns" in words
        html = answer.content.decode()
        assert '<datalist id="columns"><option value="age">integer' in html
        assert 'list="columns"' in html
        own = f"?asked={shared.collaboration.pk}&organizations={shared.sites[1].pk}"
        words = text(show(shared, own))
        assert "3 columns at the chosen site" in words
        assert "announces no columns" not in words

    def test_types_that_differ_are_both_named(self, shared: World) -> None:
        announce(shared, shared.nodes[1], {"name": "age", "type": "number"})
        assert "age integer or number" in text(show(shared))

    def test_sites_may_have_nothing_in_common(self, shared: World) -> None:
        announce(shared, shared.nodes[1], STAGE)
        assert "have no column in common" in text(show(shared))

    def test_a_function_without_columns_offers_none(self, world: World) -> None:
        announce(world, world.nodes[0], AGE)
        html = show(world).content.decode()
        assert '<div id="new-columns">' in html
        assert "announce" not in text(show(world))

    def test_the_sites_answer_what_is_typed(self, shared: World) -> None:
        page = show(shared, "?a-columns=age%0Astage")
        assert "Heart failure A Cannot run. It has no column stage." in text(page)
        assert "Heart failure B Would run now." in text(page)
        typed = form_of(shared, step=None, **{"a-columns": "age\r\nstage"})
        by_htmx = {"HX-Request": "true"}
        again = browser(shared).post("/tasks/new/", typed, headers=by_htmx)
        assert "Heart failure A Cannot run. It has no column stage." in text(again)
        as_json = '?as=json&arguments_text={"columns":["stage"]}'
        assert "It has no column stage." in text(show(shared, as_json))
        own = "?a-columns=age%0Astage&query_0=SELECT+1"  # what it gives nobody knows
        assert "It has no column" not in text(show(shared, own))
        for broken in ("{", "[]", '{"columns": 3}'):
            page = show(shared, f"?as=json&arguments_text={broken}")
            assert text(page).count("Would run now.") == 3

    def test_many_are_not_all_named(self, shared: World) -> None:
        many = "%0A".join(f"x{n}" for n in range(9))
        words = text(show(shared, f"?a-columns={many}"))
        assert "It has no column x0, x1, x2, x3, x4, nor 4 others." in words

    def test_sending_is_refused_at_the_field_and_keeps_what_was_typed(
        self, shared: World
    ) -> None:
        shared.person("alice")
        with nothing_stored():
            refused = send(shared, **{"a-columns": "age\r\nstage", "a-group_by": "x"})
        assert refused.status_code == 422
        assert errors(refused, "a-columns") == [
            "Line 2: Heart failure A has no column stage in default."
        ]
        assert errors(refused, "a-group_by") == [
            "Heart failure A has no column x in default.",
            "Heart failure B has no column x in default.",
        ]
        assert "age\nstage" in refused.content.decode().replace("\r\n", "\n")
        assert send(shared, **{"a-columns": "age"}).status_code == 302

    def test_a_strange_name_is_text_and_nothing_else(self, shared: World) -> None:
        name = '"><script>alert(1)</script>'
        for node in shared.nodes[:2]:
            announce(shared, node, {"name": name, "type": "text"})
        html = show(shared).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html
