"""The page of a new task: what each site would do with it, before it is sent."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.tasks.models import Task
from tests.tasks.new_task import errors, send, show, text
from tests.worlds import World, add_node


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


def test_the_answers_are_live_and_ask_with_the_form_as_it_is(world: World) -> None:
    html = show(world).content.decode()
    form = html.partition('<form id="new-task"')[2]
    before, _, after = form.partition('<aside id="new-answers"')
    aside = after.partition(">\n  <section")[0]
    assert f"presence:{world.sites[0].pk} presence:{world.sites[1].pk}" in aside
    assert 'hx-post="/tasks/new/"' in aside
    assert "</form>" not in before  # whose fields htmx sends with it
