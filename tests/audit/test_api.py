"""The audit for scripts: everyone's own part, by what it is about."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.organizations.choices import Role
from apps.organizations.services import grant_membership
from tests.worlds import World

PATH = "/api/v1/audit/"


def actions(world: World, person: str, query: str = "") -> list[str]:
    answer = world.person(person).get(f"{PATH}?page_size=100&{query}")
    assert answer.status_code == 200, answer.content
    return [event["action"] for event in answer.json()["results"]]


@pytest.fixture
def task(world: World, rival: World) -> int:
    """Sent here; the rival sends one of its own."""
    rival.send()
    return int(world.send()["id"])


@pytest.mark.parametrize("person", ["admin0", "carol"])
def test_who_answers_for_an_organization_reads_what_concerns_it(
    world: World, rival: World, task: int, person: str
) -> None:
    answer = world.person(person).get(f"{PATH}?page_size=100")
    events = answer.json()["results"]
    assert "run.queued" in {event["action"] for event in events}
    theirs = {site.pk for site in rival.sites}
    assert theirs.isdisjoint(event["organization"] for event in events)


@pytest.mark.parametrize("person", ["alice", "bob"])
def test_others_read_nothing_and_no_event_is_there_for_them(
    world: World, task: int, person: str
) -> None:
    assert actions(world, person) == []
    newest = Event.objects.latest("pk")
    client = world.person(person)
    foreign, missing = (client.get(f"{PATH}{pk}/") for pk in (newest.pk, 10**9))
    assert (foreign.status_code, foreign.content) == (404, missing.content)


def test_a_foreign_event_is_as_a_missing_one(world: World, rival: World) -> None:
    site = rival.sites[0]
    user = rival.people["bob"]
    grant_membership(user=user, organization=site, role=Role.STEWARD, actor=SYSTEM)
    event = Event.objects.latest("pk")
    assert rival.person("admin0").get(f"{PATH}{event.pk}/").status_code == 200
    assert world.person("admin0").get(f"{PATH}{event.pk}/").status_code == 404
    assert actions(world, "admin0", f"object={site.pk}&object_type=organization") == []


def test_it_is_filtered_by_what_it_is_about(world: World, task: int) -> None:
    world.people["root"] = world.platform_admin
    about = f"object_type=task&object={task}"
    assert actions(world, "root", about) == ["task.created"]
    queued = actions(
        world, "root", f"action=run.queued&collaboration={world.collaboration.pk}"
    )
    assert queued == ["run.queued"] * len(world.sites)
    soon = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert actions(world, "root", f"since={soon}") == []
    assert "task.created" not in actions(world, "root", "actor_kind=node")
    (event,) = Event.objects.filter(action="task.created", object_id=task)
    of_request = actions(world, "root", f"request_id={event.request_id}")
    assert set(of_request) == {"task.created", "run.queued"}


def test_addresses_and_salts_are_not_told(world: World, task: int) -> None:
    event = world.person("admin0").get(PATH).json()["results"][0]
    assert {"address", "salt", "address_digest"}.isdisjoint(event)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_it(world: World, task: int, method: str) -> None:
    world.people["root"] = world.platform_admin
    event = Event.objects.latest("pk")
    for path in (PATH, f"{PATH}{event.pk}/"):
        answer = getattr(world.person("root"), method)(path, {}, format="json")
        assert answer.status_code in (403, 405)
    assert Event.objects.filter(pk=event.pk).exists()
