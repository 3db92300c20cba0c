"""The page of a new task: what may be chosen, and what is chosen by itself."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import Visibility
from apps.collaborations.consents import set_may_create_tasks
from apps.collaborations.services import create_collaboration
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from apps.tasks.models import Task
from tests.pages import browser
from tests.tasks.new_task import above, errors, send, show, text
from tests.worlds import World, add_node, take_in


def second_collaboration(world: World) -> Any:
    other = create_collaboration(
        name="Another one", purpose="", visibility=Visibility.INITIATOR, actor=SYSTEM
    )
    for site in world.sites[:2]:
        take_in(other, site)
    return other


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


@pytest.mark.parametrize("person", ["bob", "carol", "root"])
def test_who_may_not_send_learns_what_it_takes(world: World, person: str) -> None:
    world.people["root"] = world.platform_admin
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


def test_a_task_is_sent_for_no_other_organization_than_the_one_that_was_chosen(
    world: World,
) -> None:
    """The page was opened with two to choose from, of which one is left."""
    refused = send(world, organization=world.sites[1].pk)
    assert refused.status_code == 422
    assert errors(refused, "organization") == ["Choose one of the list."]
    assert not Task.objects.exists()
    assert send(world, organization=world.sites[0].pk).status_code == 302
    assert 'name="organization"' not in show(world).content.decode()


def test_who_is_of_an_organization_that_was_stopped_is_told(world: World) -> None:
    set_may_create_tasks(
        participation=world.sites[0].participations.get(), allowed=False, actor=SYSTEM
    )
    answer = show(world, f"?collaboration={world.collaboration.pk}")
    assert "None of your organizations may send tasks here." in text(answer)
    refused = send(world)
    assert refused.status_code == 422
    assert above(refused).endswith("A send no tasks.")


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
        take_in(world.collaboration, site)
    assert cost() == before
    assert before <= 14
