"""The page of a new task: what was filled in stays, goes on, or comes from earlier."""

import json

import pytest

from apps.tasks.models import Input, Task
from tests.pages import browser
from tests.tasks.new_task import form_of, kwargs_of, send, show, text
from tests.worlds import World


def test_without_scripts_going_on_puts_everything_into_the_address(
    world: World,
) -> None:
    alice = browser(world)
    filled = form_of(world, step="choose", organizations=[world.sites[1].pk])
    answer = alice.post("/tasks/new/", {**filled, "csrfmiddlewaretoken": "secret"})
    assert answer.status_code == 302
    address = answer["Location"]
    assert "secret" not in address
    assert "page-1" not in address
    assert not Task.objects.exists()
    again = alice.get(address)
    draft = again.context["draft"]
    assert [site.organization for site in draft.chosen] == [world.sites[1]]
    assert again.context["form"]["name"].value() == "Age and sex"
    assert again.context["arguments"]["columns"].value() == "age\r\nsex"


def test_what_is_too_long_for_an_address_stays_on_the_page(world: World) -> None:
    answer = send(world, step="choose", purpose="why " * 1000)
    assert answer.status_code == 200
    assert answer.context["form"]["purpose"].value() == "why " * 1000
    assert not Task.objects.exists()


def test_with_scripts_the_address_follows_the_choices_only(world: World) -> None:
    answer = browser(world).post(
        "/tasks/new/",
        form_of(world, step=None, organizations=[world.sites[0].pk]),
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    address = answer["HX-Replace-Url"]
    assert f"organizations={world.sites[0].pk}" in address
    assert "Age" not in address
    assert answer.context["form"]["name"].value() == "Age and sex"
    assert answer.context["form"]["key"].value() == "page-1"
    # Nothing is wrong before somebody sends.
    assert "field-errors" not in answer.content.decode()


def test_asking_the_sites_again_leaves_the_address_as_it_is(world: World) -> None:
    headers = {"HX-Request": "true", "HX-Trigger": "new-answers"}
    asked = form_of(world, step=None, organizations=[world.sites[0].pk])
    answer = browser(world).post("/tasks/new/", asked, headers=headers)
    assert answer.status_code == 200
    assert "HX-Replace-Url" not in answer


def test_asking_again_tells_nothing_of_another_collaboration(
    world: World, rival: World
) -> None:
    headers = {"HX-Request": "true", "HX-Trigger": "new-answers"}
    asked = form_of(rival, step=None)
    answer = browser(world).post("/tasks/new/", asked, headers=headers)
    told = answer.content.decode()
    hidden = [rival.collaboration.name, *(site.name for site in rival.sites)]
    assert not [name for name in hidden if name in told]
    assert answer.context["draft"].version == world.version


def test_arguments_turn_to_json_and_back(world: World) -> None:
    as_json = send(world, step="choose", **{"as": "json", "purpose": "x" * 2000})
    written = as_json.context["arguments"]["arguments_text"].value()
    assert json.loads(written) == {"columns": ["age", "sex"]}
    back = send(
        world,
        step="choose",
        purpose="x" * 2000,
        arguments_text='{"columns": ["weight"]}',
        **{"as": "fields", "a-columns": None},
    )
    assert back.context["arguments"]["columns"].value() == "weight"
    stays = send(
        world,
        step="choose",
        purpose="x" * 2000,
        arguments_text='{"columns": 3}',
        **{"as": "fields", "a-columns": None},
    )
    assert "Fields cannot show these arguments" in text(stays)
    assert stays.context["arguments"]["arguments_text"].value() == '{"columns": 3}'


def test_a_schema_that_is_not_flat_is_written_as_json(world: World) -> None:
    world.version.manifest["functions"][0]["arguments"] = {"type": "object"}
    world.version.save()
    page = show(world)
    assert page.context["arguments"]["arguments_text"].value() == "{}"
    assert "Fill in fields instead" not in text(page)
    assert send(world, arguments_text='{"deep": {"er": [1]}}').status_code == 302
    assert kwargs_of(Task.objects.get()) == {"deep": {"er": [1]}}


@pytest.fixture
def earlier(world: World) -> int:
    sent = world.send(
        organizations=[world.sites[1].pk],
        arguments={"columns": ["weight", "height"]},
        name="Earlier",
        purpose="Then",
    )
    return int(sent["id"])


def test_an_earlier_task_fills_in_the_page(world: World, earlier: int) -> None:
    page = show(world, f"?from={earlier}")
    form, draft = page.context["form"], page.context["draft"]
    assert form["name"].value() == "Earlier"
    assert form["purpose"].value() == "Then"
    assert page.context["arguments"]["columns"].value() == "weight\nheight"
    assert [site.organization for site in draft.chosen] == [world.sites[1]]
    assert draft.labels == ["default"]


def test_arguments_that_fields_cannot_show_come_as_json(world: World) -> None:
    sent = world.send(arguments={"columns": [" a", "b\nc"]})
    page = show(world, f"?from={sent['id']}")
    written = page.context["arguments"]["arguments_text"].value()
    assert json.loads(written) == {"columns": [" a", "b\nc"]}


@pytest.mark.parametrize("stored", [b"\xff", b"[1]", b'{"kwargs": 3}'])
def test_an_input_that_is_not_ours_to_read_fills_in_nothing(
    world: World, earlier: int, stored: bytes
) -> None:
    Input.objects.filter(task=earlier).update(data=stored)
    page = show(world, f"?from={earlier}")
    assert page.context["form"]["name"].value() == "Earlier"
    assert page.context["arguments"]["columns"].value() == ""


def test_a_foreign_task_is_as_good_as_a_missing_one(
    world: World, rival: World, earlier: int
) -> None:
    stranger = browser(rival)
    found = [
        stranger.get(f"/tasks/new/?from={wanted}")
        for wanted in (earlier, 10**9, "x", "", "9" * 30)
    ]
    assert {answer.status_code for answer in found} == {404}
    assert len({text(answer) for answer in found}) == 1
