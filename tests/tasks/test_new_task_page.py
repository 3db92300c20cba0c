"""The page of a new task: choices in the address, answers of the sites, sending."""

import json
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
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.services import (
    answer_invitation,
    create_collaboration,
    invite_organization,
)
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from apps.tasks.models import Input, Run, Task
from tests.worlds import World, add_node

HOSTILE = '"><script>alert(1)</script>\u202e'


def browser(world: World, person: str = "alice") -> Client:
    client = Client()
    client.force_login(world.people[person])
    return client


def text(answer: Any) -> str:
    """The words of the page, as they are read."""
    html = re.sub(r"<(option|noscript)\b.*?</\1>", " ", answer.content.decode())
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def form_of(world: World, **changes: Any) -> dict[str, Any]:
    """What the browser sends when alice fills in the whole page."""
    filled = {
        "key": "page-1",
        "collaboration": world.collaboration.pk,
        "version": world.version.pk,
        "function": "summary",
        "asked": world.collaboration.pk,
        "organizations": [site.pk for site in world.sites],
        "database_0": "default",
        "a-columns": "age\r\nsex",
        "name": "Age and sex",
        "purpose": "To learn.",
        "step": "send",
        **changes,
    }
    return {name: value for name, value in filled.items() if value is not None}


def send(world: World, person: Any = "alice", **changes: Any) -> Any:
    return browser(world, person).post("/tasks/new/", form_of(world, **changes))


def show(world: World, query: str = "", person: str = "alice") -> Any:
    answer = browser(world, person).get(f"/tasks/new/{query}")
    assert answer.status_code == 200
    return answer


def errors(answer: Any, field: str) -> list[str]:
    """What the page says is wrong at one field."""
    html = answer.content.decode()
    match = re.search(
        rf'<ul class="field-errors" id="id_{field}_error">(.*?)</ul>', html
    )
    items = re.findall(r"<li>.*?</svg>(.*?)</li>", match[1]) if match else []
    return [item.strip() for item in items]


def above(answer: Any) -> str:
    match = re.search(r'alert-error" role="alert">(.*?)</div>', answer.content.decode())
    return re.sub(r"<[^>]+>", "", match[1]).strip() if match else ""


def second_collaboration(world: World) -> Any:
    other = create_collaboration(
        name="Another one", purpose="", visibility=Visibility.INITIATOR, actor=SYSTEM
    )
    for site in world.sites[:2]:
        answer_invitation(
            participation=invite_organization(
                collaboration=other, organization=site, actor=SYSTEM
            ),
            answer=ParticipationStatus.ACCEPTED,
            actor=SYSTEM,
        )
    return other


# What is chosen by itself


def test_where_there_is_one_possibility_it_is_chosen(world: World) -> None:
    answer = show(world)
    draft = answer.context["draft"]
    assert draft.collaboration == world.collaboration
    assert draft.sender == world.sites[0]
    assert draft.version == world.version
    assert draft.function["name"] == "summary"
    assert [site.organization for site in draft.chosen] == world.sites
    assert draft.labels == ["default"]
    assert "Sent for Heart failure A ." in text(answer)
    assert text(answer).count("Would run now.") == 3


def test_with_several_collaborations_one_is_chosen_first(world: World) -> None:
    other = second_collaboration(world)
    first = show(world, f"?version={world.version.pk}&function=summary")
    assert first.context["draft"].collaboration is None
    assert "After the collaboration." in text(first)
    # What a link named is taken up when the collaboration is there.
    html = first.content.decode()
    assert f'name="version" value="{world.version.pk}"' in html
    assert 'name="function" value="summary"' in html
    chosen = show(world, f"?collaboration={other.pk}")
    assert chosen.context["draft"].collaboration == other
    assert "The collaboration allows no algorithm yet." in text(chosen)


@pytest.mark.parametrize("person", ["bob", "carol"])
def test_who_may_not_send_learns_what_it_takes(world: World, person: str) -> None:
    answer = show(world, person=person)
    assert "no collaboration to which you may send tasks" in text(answer)
    assert "role of researcher" in text(answer)
    assert 'id="new-task"' not in answer.content.decode()


def test_who_has_two_organizations_says_for_which(world: World) -> None:
    alice = world.people["alice"]
    grant_membership(
        user=alice, organization=world.sites[1], role=Role.RESEARCHER, actor=SYSTEM
    )
    undecided = send(world)
    assert errors(undecided, "organization") == ["Say for which organization."]
    assert not Task.objects.exists()
    assert send(world, organization=world.sites[1].pk).status_code == 302
    assert Task.objects.get().organization == world.sites[1]


def test_a_platform_admin_without_an_organization_is_told(world: World) -> None:
    world.people["root"] = world.platform_admin
    query = f"?collaboration={world.collaboration.pk}"
    answer = show(world, query, person="root")
    assert "None of your organizations may send tasks here." in text(answer)
    refused = send(world, "root")
    assert refused.status_code == 422
    assert above(refused) == "You cannot send tasks for this organization here."


def test_central_functions_are_shown_and_come_later(world: World) -> None:
    html = show(world, "?function=combine").content.decode()
    assert re.search(
        r'<option value="combine" disabled>\s*combine \(comes later\)', html
    )
    assert (
        show(world, "?function=combine").context["draft"].function["name"] == "summary"
    )


def test_a_withdrawn_version_is_not_offered(world: World) -> None:
    withdraw_version(version=world.version, actor=SYSTEM)
    answer = show(world, f"?version={world.version.pk}")
    assert answer.context["draft"].version is None
    assert send(world).status_code == 422
    assert not Task.objects.exists()


def test_the_address_names_the_choices(world: World) -> None:
    a, b, _ = world.sites
    base = f"?collaboration={world.collaboration.pk}&organizations="
    one = show(world, f"{base}{a.pk}").context["draft"]
    assert [site.organization for site in one.chosen] == [a]
    both = show(world, f"{base}{a.pk}&organizations={b.pk}").context["draft"]
    assert [site.organization for site in both.chosen] == [a, b]
    # All ticks taken away are not the same as none made yet.
    none = show(world, f"?asked={world.collaboration.pk}").context["draft"]
    assert none.chosen == []
    again = show(world, f"?{both.address}").context["draft"]
    assert again.address == both.address


def test_of_another_collaboration_the_ticks_are_new(world: World) -> None:
    other = second_collaboration(world)
    world.version.collaborations.add(other)
    query = f"?collaboration={world.collaboration.pk}&asked={other.pk}"
    assert len(show(world, query).context["draft"].chosen) == 3


@pytest.mark.parametrize(
    "query",
    [
        "collaboration=x&organization=%00&version=-1&function=%ED%A0%80",
        "collaboration=99999999999999999999999",
        "organizations=x&organizations=%C2%B2&asked=y",
        "database_0=%00&database_99=x&a-columns=%00&a-nothing=1",
        "as=json&arguments_text=%7B",
        "as=&name=" + "x" * 300,
    ],
)
def test_no_address_is_our_fault(world: World, query: str) -> None:
    assert "<h1>New task</h1>" in show(world, f"?{query}").content.decode()


@pytest.mark.parametrize("name", ["collaboration", "version"])
def test_a_foreign_choice_is_as_good_as_a_missing_one(
    world: World, rival: World, name: str
) -> None:
    foreign = rival.collaboration.pk if name == "collaboration" else rival.version.pk
    for pk in (foreign, 10**9):
        answer = show(world, f"?{name}={pk}")
        assert answer.context["draft"].collaboration == world.collaboration
        assert answer.context["draft"].version == world.version
        refused = send(world, **{name: pk})
        assert refused.status_code == 422
        assert errors(refused, name) == ["Choose one of the list."]
    assert rival.collaboration.name not in text(refused)
    assert not Task.objects.exists()


# What the sites answer


def answers(world: World, query: str = "") -> dict[str, str]:
    found = show(world, query).context["draft"].answers
    return {answer.organization.name[-1]: answer.kind for answer in found}


def test_an_offline_site_makes_the_run_wait(world: World) -> None:
    seen = timezone.now() - timedelta(hours=3)
    Node.objects.filter(pk=world.nodes[1].node.pk).update(last_seen_at=seen)
    assert answers(world) == {"A": "yes", "B": "waits", "C": "yes"}
    words = text(show(world))
    assert "2 of 3 sites now" in words
    assert re.search(r"Heart failure B Offline since .* The run waits until it", words)


def test_a_second_node_that_is_there_is_enough(world: World) -> None:
    Node.objects.filter(pk=world.nodes[1].node.pk).update(last_seen_at=None)
    assert answers(world)["B"] == "waits"
    add_node(world, world.sites[1], world.people["admin1"], hello=True)
    assert answers(world)["B"] == "yes"


def test_a_site_that_cannot_run_it_says_why(world: World) -> None:
    a, b, c = (node.node for node in world.nodes)
    Enrolment.objects.filter(node=a).delete()
    DatabaseRelease.objects.filter(enrolment__node=b).update(type="sql")
    Node.objects.filter(pk=c.pk).update(contracts=["vantage6"])
    everywhere = f"?asked={world.collaboration.pk}&database_0=default" + "".join(
        f"&organizations={site.pk}" for site in world.sites
    )
    assert answers(world, everywhere) == {"A": "no", "B": "no", "C": "no"}
    words = text(show(world, everywhere))
    assert "Heart failure A Cannot run. None of its nodes serves this" in words
    assert (
        "Heart failure B Cannot run. Its default is sql; the function reads csv"
        in words
    )
    assert "Heart failure C Cannot run. Its nodes do not run ptm images." in words
    assert "leave these out" in words
    # Nobody could run it: nobody is ticked before somebody ticks them.
    assert answers(world) == {}
    refused = send(world)
    assert refused.status_code == 422
    assert len(re.findall("has no node that serves", text(refused))) == 1
    assert not Task.objects.exists()


def test_a_label_that_a_site_does_not_release_is_said_before_and_after(
    world: World,
) -> None:
    node = world.nodes[2].node
    DatabaseRelease.objects.filter(enrolment__node=node).update(label="other")
    query = "?database_0=default"
    assert answers(world, query) == {"A": "yes", "B": "yes", "C": "no"}
    words = text(show(world, query))
    assert "It does not release default to this collaboration." in words
    # Two labels, none of them everywhere: to be chosen.
    assert answers(world) == {"A": "open", "B": "open", "C": "open"}
    assert "Choose what it should read." in text(show(world))
    refused = send(world)
    assert errors(refused, "database_0") == [
        "No node of Heart failure C releases default to this collaboration in a type"
        " that the function reads."
    ]
    assert errors(send(world, database_0=""), "database_0") == [
        "Choose what the function should read."
    ]


def test_labels_say_how_many_sites_release_them(world: World) -> None:
    enrolment = Enrolment.objects.get(node=world.nodes[0].node)
    DatabaseRelease.objects.create(enrolment=enrolment, label="extra", type="csv")
    DatabaseRelease.objects.create(enrolment=enrolment, label="queries", type="sql")
    html = show(world).content.decode()
    # The one that all release is chosen; what the function cannot read is not offered.
    assert '<option value="default" selected>default (released by 3 of 3' in html
    assert '<option value="extra">extra (released by 1 of 3 sites)' in html
    assert '<option value="queries"' not in html
    assert "<code>queries</code> (sql)" in html


def test_where_nothing_is_released_the_label_is_free_text(world: World) -> None:
    DatabaseRelease.objects.all().delete()
    query = f"?organizations={world.sites[0].pk}&database_0=later"
    html = show(world, query).content.decode()
    assert re.search(r'<input type="text" name="database_0" value="later"', html)
    wrong = send(world, database_0="No Label")
    assert errors(wrong, "database_0") == [
        "A label has small letters, digits and underscores."
    ]


@pytest.mark.parametrize(
    ("visibility", "sentence"),
    [
        ("initiator", "Only you see the results."),
        ("organization", "Everybody at Heart failure A sees the results."),
        ("collaboration", "Everybody in Heart failure sees the results."),
    ],
)
def test_the_page_says_what_the_result_reveals_and_to_whom(
    world: World, visibility: str, sentence: str
) -> None:
    world.collaboration.visibility = visibility
    world.collaboration.save()
    words = text(show(world))
    assert "Each site returns sums" in words
    assert f"{sentence} Each site also sees its own run" in words
    assert "What has not ended after 30 days expires." in words


def test_the_answers_are_live_and_ask_for_these_choices_again(world: World) -> None:
    html = show(world).content.decode()
    aside = html.partition('<aside id="new-answers"')[2].partition(">\n  <section")[0]
    assert f"presence:{world.sites[0].pk} presence:{world.sites[1].pk}" in aside
    assert f'hx-get="/tasks/new/?collaboration={world.collaboration.pk}&amp;' in aside


# Going on with the choices


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


# Sending


def kwargs_of(task: Task) -> Any:
    return json.loads(bytes(Input.objects.get(task=task).data))["kwargs"]


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


# Use again


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


# Who and how much


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/tasks/new/")
    assert (answer.status_code, answer["Location"][:16]) == (302, "/accounts/login/")


def test_more_sites_and_nodes_cost_no_more_queries(world: World) -> None:
    alice = browser(world)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert alice.get("/tasks/new/").status_code == 200
        return len(captured)

    before = cost()
    add_node(world, world.sites[0], world.people["admin0"], hello=True)
    for name in ("D", "E"):
        site = create_organization(name=f"Another {name}", actor=SYSTEM)
        answer_invitation(
            participation=invite_organization(
                collaboration=world.collaboration, organization=site, actor=SYSTEM
            ),
            answer=ParticipationStatus.ACCEPTED,
            actor=SYSTEM,
        )
    assert cost() == before
    assert before <= 14
