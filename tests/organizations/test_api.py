"""Organizations and memberships by the API."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.organizations.models import Membership, Organization
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.stored import acts
from tests.worlds import World

ORGANIZATIONS = f"{API}/organizations/"
MEMBERSHIPS = f"{API}/memberships/"
EVE = {"username": "eve", "role": "viewer"}


def membership_of(world: World, person: str) -> Membership:
    return Membership.objects.get(user=world.people[person])


def grant(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "organization": world.sites[0].pk,
        "username": world.people["bob"].username,
        "role": "researcher",
        **changes,
    }


def test_a_platform_admin_creates_an_organization_and_nobody_else(world: World) -> None:
    made = script(world, "root").post(ORGANIZATIONS, {"name": "New site"})
    assert made.status_code == 201
    assert acts("organization.created", object_id=made.json()["id"]) == 1
    for person in ("admin0", "manager", "alice"):
        answer = script(world, person).post(ORGANIZATIONS, {"name": "Another"})
        assert refused(answer) == DENIED
    assert not Organization.objects.filter(name="Another").exists()


def test_its_own_admin_renames_it_and_nobody_else(world: World, rival: World) -> None:
    site = world.sites[0]
    where = f"{ORGANIZATIONS}{site.pk}/"
    for person in ("alice", "bob", "carol", "admin1", "manager"):
        assert refused(script(world, person).patch(where, {"name": "Mine"})) == DENIED
    stranger = script(rival, "admin0")
    foreign = stranger.patch(where, {"name": "Mine"})
    missing = stranger.patch(f"{ORGANIZATIONS}{10**9}/", {"name": "Mine"})
    assert refused(foreign) == MISSING
    assert foreign.content == missing.content
    site.refresh_from_db()
    assert site.name != "Mine"
    answer = script(world, "admin0").patch(where, {"name": "Renamed"})
    assert answer.json() == {**answer.json(), "id": site.pk, "name": "Renamed"}


def test_a_taken_name_is_refused(world: World) -> None:
    where = f"{ORGANIZATIONS}{world.sites[0].pk}/"
    answer = script(world, "admin0").patch(where, {"name": world.sites[1].name})
    assert refused(answer) == (422, "invalid")


def test_an_admin_admits_a_person_with_a_first_password(world: World) -> None:
    where = f"{ORGANIZATIONS}{world.sites[0].pk}/people/"
    made = script(world, "admin0").post(where, EVE)
    assert made.status_code == 201
    assert made.json()["membership"]["role"] == "viewer"
    assert Client().login(username="eve", password=made.json()["password"])


@pytest.mark.parametrize("person", ["alice", "carol", "admin1", "manager"])
def test_nobody_else_admits_people(world: World, person: str) -> None:
    where = f"{ORGANIZATIONS}{world.sites[0].pk}/people/"
    taken = {**EVE, "username": world.people["bob"].username}
    for body in (EVE, taken):  # whether a name is taken is not told either
        assert refused(script(world, person).post(where, body)) == DENIED
    assert not User.objects.filter(username="eve").exists()


def test_members_see_who_is_in_their_organizations_and_no_others(
    world: World, rival: World
) -> None:
    rows = script(world, "bob").get(MEMBERSHIPS).json()["results"]
    seen = {row["user"]["username"].removeprefix("heart-") for row in rows}
    assert seen == {"alice", "bob", "carol", "admin0"}
    assert script(world, "manager").get(MEMBERSHIPS).json()["results"] == []
    foreign = f"{MEMBERSHIPS}?organization={rival.sites[0].pk}"
    assert script(world, "bob").get(foreign).json()["results"] == []
    where = f"{MEMBERSHIPS}{membership_of(rival, 'bob').pk}/"
    assert refused(script(world, "admin0").get(where)) == MISSING


def test_an_admin_grants_changes_and_ends_a_role(world: World) -> None:
    admin = script(world, "admin0")
    granted = admin.post(MEMBERSHIPS, grant(world))
    assert (granted.status_code, granted.json()["role"]) == (201, "researcher")
    where = f"{MEMBERSHIPS}{granted.json()['id']}/"
    assert admin.patch(where, {"role": "steward"}).json()["role"] == "steward"
    bob = script(world, "bob")
    assert bob.get(f"{API}/tasks/").status_code == 200
    assert admin.delete(where).status_code == 204
    assert bob.get(f"{API}/collaborations/").json()["results"] == []
    assert acts("membership.ended") == 1


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "admin1", "manager"])
def test_nobody_else_does(world: World, person: str) -> None:
    client = script(world, person)
    before = list(Membership.objects.order_by("pk").values_list("pk", "role"))
    of_bob = f"{MEMBERSHIPS}{membership_of(world, 'bob').pk}/"
    assert refused(client.post(MEMBERSHIPS, grant(world, role="admin"))) == DENIED
    for answer in (client.patch(of_bob, {"role": "admin"}), client.delete(of_bob)):
        assert refused(answer) in (DENIED, MISSING)
    assert list(Membership.objects.order_by("pk").values_list("pk", "role")) == before


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_nobody_lifts_or_removes_themselves(world: World, role: str) -> None:
    admin = script(world, "admin0")
    own = f"{MEMBERSHIPS}{membership_of(world, 'admin0').pk}/"
    by_name = grant(world, username=world.people["admin0"].username, role=role)
    assert refused(admin.patch(own, {"role": role})) == DENIED
    assert refused(admin.post(MEMBERSHIPS, by_name)) == DENIED
    assert refused(admin.delete(own)) == DENIED
    assert membership_of(world, "admin0").role == "admin"


def test_foreign_people_and_organizations_in_a_body_seem_not_to_exist(
    world: World, rival: World
) -> None:
    admin = script(world, "admin0")
    foreign = admin.post(
        MEMBERSHIPS, grant(world, username=rival.people["bob"].username)
    )
    missing = admin.post(MEMBERSHIPS, grant(world, username="nobody"))
    assert refused(foreign) == (422, "person_unknown")
    assert foreign.content == missing.content
    foreign = admin.post(MEMBERSHIPS, grant(world, organization=rival.sites[0].pk))
    missing = admin.post(MEMBERSHIPS, grant(world, organization=10**9))
    assert refused(foreign) == (422, "organization_unknown")
    assert foreign.content == missing.content
