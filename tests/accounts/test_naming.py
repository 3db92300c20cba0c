"""Exact names of what one cannot see: told to those with the right, and not in bulk."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts import naming
from apps.audit.models import Event
from apps.organizations.models import Membership
from ptm_site.audit_scope import events_for
from tests.desk import act, manager_of
from tests.organizations.test_members_api import bring
from tests.scripts import API, refused, script
from tests.stored import acts, nothing_stored
from tests.worlds import World

Ask = Callable[[World, World, str], Any]


def invite(world: World, rival: World, name: str) -> Any:
    body = {"collaboration": world.collaboration.pk, "organization_name": name}
    return script(world, "manager").post(f"{API}/participations/", body)


def allow(world: World, rival: World, name: str) -> Any:
    where = f"{API}/collaborations/{world.collaboration.pk}/versions/"
    return script(world, "manager").post(where, {"image": f"registry.test/{name}:1"})


def admit(world: World, rival: World, name: str) -> Any:
    where = f"{API}/organizations/{world.sites[0].pk}/people/"
    return script(world, "admin0").post(where, {"username": name, "role": "viewer"})


def rename(world: World, rival: World, name: str) -> Any:
    where = f"{API}/organizations/{world.sites[0].pk}/"
    return script(world, "admin0").patch(where, {"name": name})


# How it is asked, a name out of sight, and what is kept: its kind, whom it concerns.
OUT_OF_SIGHT: list[tuple[Ask, str, str, str]] = [
    (invite, "Nowhere at all", "organization", "collaboration"),
    (allow, "nothing", "algorithm_version", "collaboration"),
    (admit, "kidney-bob", "user", "organization"),
    (rename, "Kidney stones A", "organization", "organization"),
]


@pytest.mark.parametrize(("ask", "name", "kind", "concerned"), OUT_OF_SIGHT)
def test_an_answer_about_what_one_cannot_see_is_kept(
    world: World, rival: World, ask: Ask, name: str, kind: str, concerned: str
) -> None:
    assert ask(world, rival, name).status_code == 422
    event = Event.objects.get(action="name.told")
    asker = world.people["manager" if concerned == "collaboration" else "admin0"]
    assert (event.actor_id, event.object_type, event.object_id) == (
        asker.pk,
        kind,
        None,
    )
    where = {
        "collaboration": (None, world.collaboration.pk),
        "organization": (world.sites[0].pk, None),
    }[concerned]
    assert (event.organization_id, event.collaboration_id) == where
    assert event.details == {"names": 1}
    assert event in events_for(asker)
    assert event not in events_for(rival.people["admin0"])


@pytest.mark.parametrize(("ask", "name", "kind", "concerned"), OUT_OF_SIGHT)
def test_who_tries_many_names_is_told_no_more(
    world: World,
    rival: World,
    monkeypatch: pytest.MonkeyPatch,
    ask: Ask,
    name: str,
    kind: str,
    concerned: str,
) -> None:
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 2)
    assert [ask(world, rival, name).status_code for _ in range(2)] == [422, 422]
    answer = ask(world, rival, name)
    assert refused(answer) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= naming.HOUR
    assert acts("name.told") == 2


def test_the_administration_says_so_at_the_form(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 0)
    manager = manager_of(world)
    data = {"image": "registry.test/none:1", "collaboration": world.collaboration.pk}
    answer = act(manager, type(world.version), "allow-image", **data)
    assert answer.status_code == 422
    assert "Too many names that you cannot see" in answer.content.decode()


def test_a_file_of_names_counts_as_many_as_it_tells(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 3)
    admin, site = script(world, "admin0"), world.sites[0].name
    taken = ("kidney-bob", "kidney-alice")
    lines = [f"{site},{name},,,,viewer" for name in (*taken, "heart-bob", "zoe")]
    assert refused(bring(admin, *lines)) == (422, "members_wrong")
    event = Event.objects.get(action="name.told")
    assert (event.details, event.organization_id) == ({"names": 2}, world.sites[0].pk)
    with nothing_stored():
        assert refused(bring(admin, *lines)) == (429, "throttled")


def test_what_one_sees_may_be_named_as_often_as_one_likes(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 0)
    assert admit(world, rival, "heart-bob").status_code == 422
    assert rename(world, rival, world.sites[1].name).status_code == 422
    assert admit(world, rival, "zoe").status_code == 201
    root = script(world, "root")
    body = {"collaboration": world.collaboration.pk, "organization_name": "Nowhere"}
    assert root.post(f"{API}/participations/", body).status_code == 422
    assert not acts("name.told")
    assert Membership.objects.filter(user__username="zoe").exists()


def test_who_may_not_is_told_nothing(world: World, rival: World) -> None:
    where = f"{API}/organizations/{world.sites[0].pk}/people/"
    client = script(world, "bob")
    with nothing_stored():
        answers = {
            client.post(where, {"username": name, "role": "viewer"}).content
            for name in ("kidney-bob", "nobody-has-this")
        }
    assert len(answers) == 1
