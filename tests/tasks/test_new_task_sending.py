"""The page of a new task: what sending stores, and what is refused at which field."""

import pytest
from django.test import Client

from apps.tasks.models import Run, Task
from tests.pages import browser
from tests.tasks.new_task import above, errors, form_of, kwargs_of, send, show, text
from tests.worlds import World

HOSTILE = '"><script>alert(1)</script>\u202e'


def test_a_sent_task_is_stored_and_shown(world: World) -> None:
    answer = send(world, organizations=[world.sites[0].pk, world.sites[2].pk])
    task = Task.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/tasks/{task.pk}/")
    assert (task.name, task.purpose) == ("Age and sex", "To learn.")
    assert task.initiator == world.people["alice"]
    assert task.organization == world.sites[0]
    assert task.databases == [{"label": "default"}]
    assert kwargs_of(task) == {"columns": ["age", "sex"]}
    addressed = Run.objects.filter(task=task, status="queued")
    assert {run.organization_id for run in addressed} == {
        world.sites[0].pk,
        world.sites[2].pk,
    }


def test_the_message_says_how_far_it_went(world: World) -> None:
    alice = browser(world)
    first = alice.post("/tasks/new/", form_of(world), follow=True)
    assert [str(message) for message in first.context["messages"]] == [
        "Sent to 3 sites."
    ]


def test_sent_twice_it_is_one_task(world: World) -> None:
    first, second = send(world), send(world)
    assert first["Location"] == second["Location"]
    assert Task.objects.count() == 1


def test_changed_and_sent_again_it_is_another_task(world: World) -> None:
    first, second = send(world), send(world, name="Changed")
    assert first["Location"] != second["Location"]
    assert Task.objects.count() == 2


def test_another_page_makes_another_task(world: World) -> None:
    keys = {show(world).context["form"]["key"].value() for _ in range(2)}
    assert len(keys) == 2
    for key in keys:
        assert send(world, key=key).status_code == 302
    assert Task.objects.count() == 2


def test_a_task_without_the_forms_secret_is_not_sent(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["alice"])
    assert client.post("/tasks/new/", form_of(world)).status_code == 403
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "Give the task a name."),
        ({"name": "x" * 201}, "name", "at most 200 characters"),
        ({"name": "a\x00b"}, "name", "Null characters are not allowed."),
        ({"purpose": "x" * 5001}, "purpose", "at most 5000 characters"),
        ({"a-columns": ""}, "a-columns", "This field is required."),
        ({"a-columns": "a\x00b"}, "a-columns", "Null characters are not allowed."),
        ({"function": "nothing"}, "function", "Choose one of the list."),
        ({"function": "combine"}, "function", "cannot be sent yet"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    world: World, changes: dict[str, str], field: str, message: str
) -> None:
    answer = send(world, **changes)
    assert answer.status_code == 422
    (said,) = errors(answer, field)
    assert message in said
    assert "The task was not sent." in above(answer)
    if field != "name":
        assert answer.context["form"]["name"].value() == "Age and sex"
    assert not Task.objects.exists()


def test_no_organization_is_said_at_the_organizations(world: World) -> None:
    answer = send(world, organizations=[])
    assert answer.status_code == 422
    assert "Choose at least one organization." in text(answer)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "Write an object"),
        ("{", "This is not valid JSON: "),
        ("[" * 10_000, "nested deeper than 64 levels"),
        ('{"columns": ' + "[" * 10_000, "nested deeper than 64 levels"),
        ('{"columns": ' + "9" * 10_000 + "}", "more than 1000 digits"),
        ('{"columns": ["' + "x" * 2_000_000 + '"]}', "exceed 65,536 bytes"),
        ('{"columns": ["\x00"]}', "Null characters are not allowed."),
        ('{"columns": ["\\u0000"]}', "A text holds NUL"),
        ('{"columns": ["\\ud800"]}', "A text holds NUL or half of a surrogate"),
        ('{"columns": [1]}', "columns/0: 1 is not of type"),
        ('{"columns": []}', "columns: [] should be non-empty"),
        ("{}", "columns&#x27; is a required property"),
        ('{"columns": ["a"], "more": 1}', "more&#x27; was unexpected"),
    ],
)
def test_hostile_arguments_are_refused_at_their_field(
    world: World, written: str, message: str
) -> None:
    answer = send(world, arguments_text=written, **{"as": "json", "a-columns": None})
    assert answer.status_code == 422
    said = errors(answer, "arguments_text")
    assert message in said[0]
    assert len(said[0]) < 400
    assert answer.context["arguments"]["arguments_text"].value() == written
    assert not Task.objects.exists()


def test_what_the_schema_refuses_is_said_at_the_argument(world: World) -> None:
    schema = world.version.manifest["functions"][0]["arguments"]
    schema["properties"]["columns"]["items"]["maxLength"] = 3
    world.version.save()
    answer = send(world, **{"a-columns": "age\nweight"})
    (said,) = errors(answer, "a-columns")
    assert said == "Line 2: &#x27;weight&#x27; is too long"
    assert not Task.objects.exists()


def test_texts_of_strangers_are_only_text(world: World) -> None:
    function = world.version.manifest["functions"][0]
    function["title"] = function["description"] = HOSTILE
    function["returns"]["description"] = HOSTILE
    column = function["arguments"]["properties"]["columns"]
    column["title"] = column["description"] = HOSTILE
    world.version.save()
    answer = send(world, name=HOSTILE, purpose=HOSTILE, organizations=[])
    assert answer.status_code == 422
    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert(1)" in answer.content.decode()


def test_a_query_of_ones_own_is_sent_shown_and_begun_from(world: World) -> None:
    query = "SELECT age\nFROM patients -- </pre><script>"
    send(world, query_0=query)
    task = Task.objects.get()
    assert task.databases == [{"label": "default", "query": query}]
    page = browser(world).get(f"/tasks/{task.pk}/").content.decode()
    assert "-- &lt;/pre&gt;&lt;script&gt;</pre>" in page
    again = show(world, f"?from={task.pk}")
    assert again.context["form"]["query_0"].value() == query
    assert '<details class="new-query" open>' in again.content.decode()


def test_a_query_may_be_long_but_not_endless(world: World) -> None:
    assert errors(send(world, query_0="x" * 20_001), "query_0") != []
    assert Task.objects.count() == 0
