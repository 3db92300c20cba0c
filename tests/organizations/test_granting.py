"""Nobody grants what they do not hold, and nobody lifts themselves: at every door."""

from collections.abc import Callable
from functools import partial

import pytest

from apps.accounts.models import User
from apps.accounts.people import NewPerson, set_active
from apps.audit.actors import Actor
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_as_admin, invite_organization
from apps.collaborations.models import Collaboration
from apps.collaborations.services import set_collaboration_admins
from apps.errors import Forbidden
from apps.nodes.models import EnrolmentCode, Node
from apps.nodes.services import issue_enrolment_code
from apps.organizations.choices import Role
from apps.organizations.models import Membership
from apps.organizations.permissions import sync_permissions
from apps.organizations.services import admit_person, end_membership, grant_membership
from tests.desk import act, manager_of
from tests.stored import nothing_stored
from tests.worlds import World


def rights() -> tuple[object, ...]:
    """Who is what, and who may sign in."""
    return (
        sorted(Membership.objects.values_list("user", "organization", "role")),
        sorted(Collaboration.admins.through.objects.values_list()),
        sorted(User.objects.values_list("pk", "is_active", "is_superuser")),
        EnrolmentCode.objects.count(),
    )


def refused(act_now: Callable[[], object]) -> None:
    before = rights()
    with pytest.raises(Forbidden), nothing_stored():
        act_now()
    assert rights() == before


def others(world: World, rival: World) -> list[User]:
    """All who do not manage the first site's people."""
    names = ("alice", "bob", "carol", "dave", "admin1")
    people = [world.people[name] for name in names]
    return [*people, rival.people["admin0"], manager_of(world)]


def test_roles_are_granted_and_ended_by_the_organizations_admins_only(
    world: World, rival: World
) -> None:
    site, zoe = world.sites[0], User.objects.create_user("zoe")
    bobs = world.people["bob"].memberships.get()
    for user in others(world, rival):
        actor = Actor.user(user.pk)
        grant = partial(grant_membership, organization=site, role=Role.VIEWER)
        refused(partial(grant, user=zoe, actor=actor))
        refused(
            partial(
                admit_person,
                person=NewPerson("new"),
                organization=site,
                role=Role.VIEWER,
                actor=actor,
            )
        )
        refused(partial(end_membership, membership=bobs, actor=actor))
    assert not User.objects.filter(username="new").exists()


def test_an_admin_who_lost_the_role_grants_no_more(world: World) -> None:
    admin = world.people["admin0"]
    Membership.objects.filter(user=admin).update(role=Role.VIEWER)
    sync_permissions(world.sites[0])
    refused(
        partial(
            grant_membership,
            user=world.people["bob"],
            organization=world.sites[0],
            role=Role.ADMIN,
            actor=Actor.user(admin.pk),
        )
    )


@pytest.mark.parametrize("who", ["manager", "root", "admin1", "alice"])
def test_nobody_adds_themselves_to_an_organization(world: World, who: str) -> None:
    user = {
        "manager": manager_of(world),
        "root": world.platform_admin,
        **world.people,
    }[who]
    before = rights()
    fields = {
        "username": user.username,
        "organization": world.sites[0].pk,
        "role": "admin",
    }
    assert act(user, Membership, "add", **fields).status_code in (404, 422)
    own = Membership.objects.filter(user=user).first()
    if own is not None:
        assert act(user, own, "role", role="admin").status_code == 404
    assert rights() == before


def test_a_collaborations_admin_adds_no_organization_and_answers_for_none(
    world: World, rival: World
) -> None:
    """Whoever invites cannot accept, not even for an organization without an admin."""
    manager = manager_of(world)
    participation = invite_organization(
        collaboration=world.collaboration,
        organization=rival.sites[0],
        actor=Actor.user(manager.pk),
    )
    for user in (manager, world.platform_admin, rival.people["alice"]):
        for answer in (ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED):
            refused(
                partial(
                    answer_as_admin,
                    participation=participation,
                    answer=answer,
                    admin=user,
                )
            )
    participation.refresh_from_db()
    assert participation.status == ParticipationStatus.INVITED


def test_a_collaborations_admins_are_named_by_a_platform_admin_and_by_no_other(
    world: World, rival: World
) -> None:
    own, alice = world.collaboration, world.people["alice"]
    manager_of(world)
    for user in others(world, rival):
        refused(
            partial(
                set_collaboration_admins,
                collaboration=own,
                admins=[alice],
                actor=Actor.user(user.pk),
            )
        )
    root = Actor.user(world.platform_admin.pk)
    set_collaboration_admins(collaboration=own, admins=[alice], actor=root)
    assert list(own.admins.all()) == [alice]


def test_a_platform_admin_does_not_make_themselves_a_collaborations_admin(
    world: World,
) -> None:
    own, root = world.collaboration, world.platform_admin
    before = rights()
    answer = act(root, own, "admins", usernames=root.username)
    assert answer.status_code == 422
    assert rights() == before
    # Whoever is one already stays one when others are named.
    own.admins.add(root)
    both = f"{root.username}\n{world.people['alice'].username}"
    assert act(root, own, "admins", usernames=both).status_code == 302
    assert own.admins.count() == 2


def test_a_person_is_kept_out_everywhere_by_a_platform_admin_only(
    world: World, rival: World
) -> None:
    bob = world.people["bob"]
    people = [*others(world, rival), world.people["admin0"]]
    for user in people:
        for active in (False, True):
            keep = partial(set_active, user=bob, active=active)
            refused(partial(keep, actor=Actor.user(user.pk)))
        for page in ("deactivate", "password"):
            assert act(user, bob, page).status_code == 404
    assert act(world.platform_admin, bob, "deactivate").status_code == 302
    bob.refresh_from_db()
    assert not bob.is_active


@pytest.mark.parametrize("who", ["root", "manager", "admin1", "alice"])
def test_enrolment_codes_come_from_the_organizations_own_admin_only(
    world: World, who: str
) -> None:
    user = {
        "manager": manager_of(world),
        "root": world.platform_admin,
        **world.people,
    }[who]
    site = world.sites[0]
    refused(partial(issue_enrolment_code, organization=site, issued_by=user))
    before = rights()
    answer = act(user, Node, "add", organization=site.pk)
    assert answer.status_code in (404, 422)
    assert b"ptme_" not in answer.content
    assert rights() == before
    own = act(world.people["admin0"], Node, "add", organization=site.pk)
    assert b"ptme_" in own.content
    assert EnrolmentCode.objects.count() == before[3] + 1  # type: ignore[operator]
