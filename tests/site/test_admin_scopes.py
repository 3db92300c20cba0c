"""Each list shows exactly what is the reader's to see, and so do its pages."""

import re
from typing import Any

import pytest
from django.db.models import Model

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.audit.actors import SYSTEM
from apps.collaborations.models import Collaboration, Participation, Study
from apps.collaborations.services import set_collaboration_admins
from apps.collaborations.studies import create_study
from apps.nodes.models import Node
from apps.organizations.models import Membership, Organization
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.desk import LISTS, SCOPED, address, desk, listed, manager_of, shown_to, text
from tests.worlds import World, take_in


def work(world: World) -> None:
    """A task with a result at each site, and one that waits."""
    world.send()
    for node in world.nodes:
        for run in node.claimed():
            node.complete(run)
    world.send()


def keys(rows: Any) -> set[int]:
    return set(rows.values_list("pk", flat=True))


def test_a_platform_admin_sees_everything(world: World, rival: World) -> None:
    work(world)
    work(rival)
    everything: list[type[Model]] = [*SCOPED, User]
    for model in everything:
        assert listed(world.platform_admin, model) == keys(model._default_manager), (
            model
        )


def test_an_organizations_admin_sees_their_own(world: World, rival: World) -> None:
    work(world)
    work(rival)
    admin, site = world.people["admin0"], world.sites[0]
    own = {
        Organization: {site.pk},
        Membership: keys(site.memberships.all()),
        Collaboration: {world.collaboration.pk},
        Participation: keys(site.participations.all()),
        Node: keys(site.nodes.all()),
        AlgorithmVersion: {world.version.pk},
        Task: keys(Task.objects.filter(collaboration=world.collaboration)),
        Run: keys(Run.objects.visible_to(admin)),
        Result: keys(Result.objects.visible_to(admin)),
    }
    assert own[Run]
    assert own[Result]
    for model in SCOPED:
        assert listed(admin, model) == own[model], model


def test_an_admin_of_another_site_sees_only_its_part_of_the_work(
    world: World,
) -> None:
    work(world)
    admin, site = world.people["admin2"], world.sites[2]
    assert listed(admin, Run) == keys(site.runs.all())
    assert listed(admin, Result) == keys(Result.objects.filter(run__organization=site))


def test_a_manager_sees_the_collaboration(world: World, rival: World) -> None:
    work(world)
    work(rival)
    manager = manager_of(world)
    own = {
        Organization: {site.pk for site in world.sites},
        Membership: set(),
        Collaboration: {world.collaboration.pk},
        Participation: keys(world.collaboration.participations.all()),
        Node: {node.node.pk for node in world.nodes},
        AlgorithmVersion: {world.version.pk},
        # Their visibility is the initiating organization's.
        Task: set(),
        Run: set(),
        Result: set(),
    }
    for model in SCOPED:
        assert listed(manager, model) == own[model], model
    Task.objects.update(visibility="collaboration")
    own_tasks = Task.objects.filter(collaboration=world.collaboration)
    assert listed(manager, Task) == keys(own_tasks)
    assert listed(manager, Run) == keys(Run.objects.filter(task__in=own_tasks))


@pytest.mark.parametrize("person", ["admin0", "manager"])
def test_no_list_nor_filter_of_one_names_a_rival(
    world: World, rival: World, person: str
) -> None:
    create_study(
        collaboration=rival.collaboration,
        name=f"{rival.collaboration} study",
        organizations=rival.sites,
        actor=SYSTEM,
    )
    user = manager_of(world) if person == "manager" else world.people[person]
    client = desk(user)
    lists: list[type[Model]] = [*SCOPED, Study]
    for model in lists:
        answer = client.get(address(model))
        assert answer.status_code == 200
        assert rival.collaboration.name not in text(answer), model


@pytest.mark.parametrize("person", ["admin0", "manager"])
def test_a_foreign_object_is_not_there(world: World, rival: World, person: str) -> None:
    work(rival)
    user = manager_of(world) if person == "manager" else world.people[person]
    client = desk(user)
    for model in LISTS:
        # The rival's rows are the newer ones.
        foreign = model._default_manager.order_by("-pk")[0]
        there = client.get(address(model, "change", foreign.pk))
        missing = client.get(address(model, "change", 10**9))
        assert there.status_code == missing.status_code == 404, model
        assert without_token(text(there)) == without_token(text(missing))


def without_token(page: str) -> str:
    return re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page)


def test_what_an_object_tells_is_scoped_too(world: World, rival: World) -> None:
    """A node shows to others only the releases that concern them."""
    site, name = world.sites[0], rival.collaboration.name
    take_in(rival.collaboration, site)
    both = [*world.released(), *rival.released()]
    assert world.nodes[0].hello(both).status_code == 200
    node = world.nodes[0].node
    assert name in shown_to(world.people["admin0"], node)
    assert name not in shown_to(manager_of(world), node)


def test_a_manager_is_told_no_numbers_of_an_organizations_other_affairs(
    world: World,
) -> None:
    page = shown_to(manager_of(world), world.sites[0])
    assert "1 of 1 online" in page
    assert "people" not in page
    admin, own, other = world.people["admin0"], *world.sites[:2]
    assert "4 people" in shown_to(admin, own)
    manage = [manager_of(world), admin]
    set_collaboration_admins(
        collaboration=world.collaboration, admins=manage, actor=SYSTEM
    )
    assert "1 of 1 online" in shown_to(admin, other)
    assert "people" not in shown_to(admin, other)


def test_filters_offer_no_foreign_names(world: World, rival: World) -> None:
    for model in (Task, Run, Result, Node, Participation, Membership):
        page = text(desk(world.people["admin0"]).get(address(model)))
        assert rival.sites[0].name not in page, model
        assert rival.collaboration.name not in page, model
        assert rival.nodes[0].node.name not in page, model
        assert world.sites[0].name in page, model


def test_a_foreign_filter_finds_nothing(world: World, rival: World) -> None:
    work(world)
    for value in (str(rival.sites[0].pk), "x", "-1", "9" * 40, "0"):
        found = listed(world.people["admin0"], Run, f"organization={value}")
        assert found == set(), value
