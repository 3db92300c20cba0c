"""Organizations, people and roles: what each admin may do, and what is stored."""

import re

import pytest
from django.contrib import admin
from django.test import RequestFactory

from apps.accounts.models import User
from apps.accounts.people import set_active
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from tests.desk import act, address, desk, manager_of, shown_to, text
from tests.stored import acts, nothing_stored
from tests.worlds import World

PASSWORD = re.compile(r'id="secret"[^>]*>([^<]+)<')


def role_of(user: User, organization: Organization) -> str | None:
    found = Membership.objects.filter(user=user, organization=organization).first()
    return found.role if found else None


def test_a_platform_admin_creates_an_organization(world: World) -> None:
    answer = act(world.platform_admin, Organization, "add", name="Site West")
    west = Organization.objects.get(name="Site West")
    assert answer.status_code == 302
    assert acts("organization.created", object_id=west.pk) == 1
    event = Event.objects.get(action="organization.created", object_id=west.pk)
    assert (event.actor_kind, event.actor_id) == ("user", world.platform_admin.pk)
    assert west.role_groups.count() == len(Role)


def test_a_name_that_is_taken_is_said_at_its_field(world: World) -> None:
    with nothing_stored():
        answer = act(
            world.platform_admin, Organization, "add", name=world.sites[0].name
        )
    assert answer.status_code == 422
    assert "already exists" in text(answer)
    assert f'value="{world.sites[0].name}"' in text(answer)


@pytest.mark.parametrize("person", ["admin0", "manager"])
def test_nobody_else_creates_organizations_or_people(world: World, person: str) -> None:
    user = manager_of(world) if person == "manager" else world.people[person]
    with nothing_stored():
        for model, data in (
            (Organization, {"name": "Mine"}),
            (User, {"username": "mine"}),
        ):
            assert act(user, model, "add", **data).status_code == 404
    add = address(Organization, "add")
    assert add not in text(desk(user).get(address(Organization)))
    assert add in text(desk(world.platform_admin).get(address(Organization)))
    assert not Organization.objects.filter(name="Mine").exists()
    assert not User.objects.filter(username="mine").exists()


def test_an_admin_renames_their_own_organization_only(world: World) -> None:
    own, other = world.sites[:2]
    admin = world.people["admin0"]
    assert act(admin, own, "rename", name="New name").status_code == 302
    with nothing_stored():
        assert act(admin, other, "rename", name="Taken over").status_code == 404
        assert act(manager_of(world), own, "rename", name="x").status_code == 404
    own.refresh_from_db()
    other.refresh_from_db()
    assert own.name == "New name"
    assert other.name != "Taken over"
    assert acts("organization.renamed", object_id=own.pk) == 1


def admit(user: User, organization: Organization, **data: str) -> str:
    fields = {"username": "zoe", "role": "researcher", "organization": organization.pk}
    return text(act(user, Membership, "new-person", **{**fields, **data}))


def test_an_admin_lets_a_new_person_in_with_a_password_shown_once(
    world: World,
) -> None:
    site = world.sites[0]
    page = admit(world.people["admin0"], site, first_name="Zoë")
    found = PASSWORD.search(page)
    zoe = User.objects.get(username="zoe")
    assert found is not None
    assert zoe.check_password(found[1])
    assert role_of(zoe, site) == Role.RESEARCHER
    assert not zoe.is_staff
    assert not zoe.is_superuser
    assert acts("person.created", object_id=zoe.pk) == 1
    assert acts("membership.granted", details__user=zoe.pk) == 1
    assert found[1] not in str(list(Event.objects.values_list("details", flat=True)))
    again = admit(world.people["admin0"], site)
    assert "already exists" in again
    assert not PASSWORD.search(again)


def test_what_is_shown_once_is_kept_nowhere(world: World) -> None:
    fields = {"username": "zoe", "role": "viewer", "organization": world.sites[0].pk}
    answer = act(world.people["admin0"], Membership, "new-person", **fields)
    assert "no-store" in answer["Cache-Control"]


def test_who_is_deactivated_is_shown_to_be(world: World) -> None:
    admin, bob = world.people["admin0"], world.people["bob"]
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert "Deactivated" in shown_to(admin, bob.memberships.get())
    assert "Deactivated" not in shown_to(admin, admin.memberships.get())


def test_nobody_is_let_into_a_foreign_organization(world: World, rival: World) -> None:
    for site in (world.sites[1], rival.sites[0]):
        with nothing_stored():
            page = admit(world.people["admin0"], site)
        assert "not one of the available choices" in page
        assert not User.objects.filter(username="zoe").exists()


def test_a_refused_role_leaves_no_half_made_person(world: World) -> None:
    with nothing_stored():
        page = admit(world.people["admin0"], world.sites[0], role="emperor")
    assert "not one of the available choices" in page
    assert not User.objects.filter(username="zoe").exists()


def test_roles_are_changed_and_ended_by_the_organizations_admin(
    world: World,
) -> None:
    site, alice = world.sites[0], world.people["alice"]
    admin, membership = world.people["admin0"], alice.memberships.get()
    assert act(admin, membership, "role", role="viewer").status_code == 302
    assert role_of(alice, site) == Role.VIEWER
    answer = act(admin, membership, "end")
    assert answer.status_code == 302
    assert role_of(alice, site) is None
    assert acts("membership.ended", object_id=site.pk, actor_id=admin.pk) == 1


@pytest.mark.parametrize("person", ["admin1", "manager", "alice"])
def test_nobody_else_touches_a_membership(world: World, person: str) -> None:
    user = manager_of(world) if person == "manager" else world.people[person]
    membership = world.people["bob"].memberships.get()
    with nothing_stored():
        assert act(user, membership, "role", role="admin").status_code == 404
        assert act(user, membership, "end").status_code == 404
    assert role_of(world.people["bob"], world.sites[0]) == Role.VIEWER


def test_nobody_changes_their_own_role(world: World) -> None:
    admin = world.people["admin0"]
    membership = admin.memberships.get()
    with nothing_stored():
        assert act(admin, membership, "end").status_code == 404
        assert act(admin, membership, "role", role="viewer").status_code == 404
        for user in (admin, world.platform_admin):
            answer = act(
                user,
                Membership,
                "add",
                username=user.username,
                organization=world.sites[0].pk,
                role="admin",
            )
            assert answer.status_code == 422
            assert "Nobody changes their own role" in text(answer)
    assert role_of(world.platform_admin, world.sites[0]) is None


def test_a_platform_admin_makes_anybody_an_admin(world: World, rival: World) -> None:
    dave, site = world.people["dave"], rival.sites[0]
    answer = act(
        world.platform_admin,
        Membership,
        "add",
        username=dave.username,
        organization=site.pk,
        role="admin",
    )
    assert answer.status_code == 302
    assert role_of(dave, site) == Role.ADMIN
    assert dave.has_perm("organizations.manage_nodes", site)


def test_an_admin_learns_nothing_of_people_elsewhere(
    world: World, rival: World
) -> None:
    pages = []
    for username in (rival.people["alice"].username, "nobody-at-all"):
        with nothing_stored():
            answer = act(
                world.people["admin0"],
                Membership,
                "add",
                username=username,
                organization=world.sites[0].pk,
                role="viewer",
            )
        assert answer.status_code == 422
        page = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text(answer))
        pages.append(page.replace(username, "…"))
    assert pages[0] == pages[1]


def test_a_platform_admin_creates_a_person_without_a_role(world: World) -> None:
    answer = act(
        world.platform_admin, User, "add", username="zoe", email="zoe@example.org"
    )
    found = PASSWORD.search(text(answer))
    zoe = User.objects.get(username="zoe")
    assert found is not None
    assert zoe.check_password(found[1])
    assert not zoe.memberships.exists()


def test_a_deactivated_person_is_out_at_once_until_reactivated(world: World) -> None:
    alice = world.people["alice"]
    client, script = desk(alice), world.client("alice")
    assert act(world.platform_admin, alice, "reactivate").status_code == 404
    assert act(world.platform_admin, alice, "deactivate").status_code == 302
    assert client.get("/api/v1/me/").status_code == 401
    assert script.get("/api/v1/me/").status_code == 401
    assert act(world.platform_admin, alice, "deactivate").status_code == 404
    assert act(world.platform_admin, alice, "reactivate").status_code == 302
    assert script.get("/api/v1/me/").status_code == 401  # its token is gone
    assert acts("person.deactivated", object_id=alice.pk) == 1
    assert acts("person.reactivated", object_id=alice.pk) == 1


def test_each_persons_page_says_whether_they_may_sign_in(world: World) -> None:
    root, alice, bob = world.platform_admin, world.people["alice"], world.people["bob"]
    set_active(user=bob, active=False, actor=SYSTEM)
    states = {root: "Platform admin", alice: "May sign in", bob: "Deactivated"}
    for person, state in states.items():
        page = shown_to(root, person)
        assert {said for said in states.values() if f">{said}<" in page} == {state}


def test_a_deactivated_platform_admin_sees_nobody(
    world: World, rf: RequestFactory
) -> None:
    people = admin.site.get_model_admin(User)
    for active in (True, False):
        request = rf.get("/")
        request.user = world.platform_admin
        request.user.is_active = active
        assert people.has_view_permission(request) is active


def test_a_new_password_ends_every_session(world: World) -> None:
    alice = world.people["alice"]
    client = desk(alice)
    answer = act(world.platform_admin, alice, "password")
    found = PASSWORD.search(text(answer))
    alice.refresh_from_db()
    assert found is not None
    assert alice.check_password(found[1])
    assert client.get("/api/v1/me/").status_code == 401
    assert acts("person.password_renewed", object_id=alice.pk) == 1


@pytest.mark.parametrize("page", ["deactivate", "password"])
def test_nobody_does_this_to_themselves_or_without_being_platform_admin(
    world: World, page: str
) -> None:
    root, alice = world.platform_admin, world.people["alice"]
    with nothing_stored():
        assert act(root, root, page).status_code == 404
        assert act(world.people["admin0"], alice, page).status_code == 404
    root.refresh_from_db()
    alice.refresh_from_db()
    assert root.is_active
    assert alice.is_active
    assert alice.check_password("correct horse")


def test_what_would_follow_is_said_before_it_is_done(world: World) -> None:
    membership = world.people["alice"].memberships.get()
    path = f"/admin/organizations/membership/{membership.pk}/end/"
    with nothing_stored():
        page = text(desk(world.people["admin0"]).get(path))
    assert world.people["alice"].username in page
    assert "Tasks that were sent stay" in page
