"""Rights are derived from memberships and participations: always, and only those."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from guardian.shortcuts import assign_perm, get_group_perms  # noqa: TID251

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations import permissions as of_collaborations
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.models import CollaborationGrant, Participation
from apps.organizations import permissions as of_organizations
from apps.organizations.choices import Role
from apps.organizations.models import (
    Membership,
    OrganizationGrant,
    OrganizationGroup,
)
from apps.organizations.services import end_membership, grant_membership
from tests.stored import acts
from tests.threads import at_once
from tests.worlds import World

MAY: dict[str, set[str]] = {
    "alice": {"view_organization", "send_tasks"},
    "bob": {"view_organization"},
    "carol": {"view_organization"},
    "admin0": {"view_organization", "send_tasks", "manage_members", "manage_nodes"},
    "dave": set(),
    "admin1": set(),
    "admin2": set(),
}
IN_COLLABORATION: dict[str, set[str]] = {
    "alice": {"view_collaboration", "create_task"},
    "bob": {"view_collaboration"},
    "carol": {"view_collaboration"},
    "dave": {"view_collaboration", "create_task"},
    "admin0": {"view_collaboration", "create_task"},
    "admin1": {"view_collaboration", "create_task"},
    "admin2": {"view_collaboration", "create_task"},
}


def fresh(user: User) -> User:
    """The user as the next request reads them: rights are cached on the object."""
    found: User = User.objects.get(pk=user.pk)
    return found


def may(world: World, person: str, app: str, names: set[str], target: Model) -> bool:
    """Whether the person holds exactly these of the permissions on the target."""
    user = fresh(world.people[person])
    everything = {
        p.codename
        for p in Permission.objects.filter(
            content_type__app_label=app, content_type__model=app.rstrip("s")
        )
    }
    held = {name for name in everything if user.has_perm(f"{app}.{name}", target)}
    return held == names


def derived() -> tuple[object, ...]:
    """Every group, its members and every grant."""
    return (
        sorted(Group.objects.values_list("name", "user")),
        sorted(OrganizationGrant.objects.values_list("group__name", "permission")),
        sorted(CollaborationGrant.objects.values_list("group__name", "permission")),
    )


def test_each_role_may_exactly_this_on_its_organization(
    world: World, rival: World
) -> None:
    site = world.sites[0]
    for person, names in MAY.items():
        assert may(world, person, "organizations", names, site), person
        assert may(rival, person, "organizations", set(), site), person


def test_each_role_may_exactly_this_in_its_collaboration(
    world: World, rival: World
) -> None:
    own = world.collaboration
    for person, names in IN_COLLABORATION.items():
        assert may(world, person, "collaborations", names, own), person
        assert may(rival, person, "collaborations", set(), own), person


def test_deriving_again_changes_nothing(world: World, rival: World) -> None:
    before = derived()
    for site in world.sites:
        of_organizations.sync_permissions(site)
    of_collaborations.sync_permissions(world.collaboration)
    assert derived() == before


def test_what_was_changed_by_hand_in_derived_groups_is_put_right(world: World) -> None:
    before = derived()
    site = world.sites[0]
    group = of_organizations.role_group(site, Role.VIEWER)
    group.user_set.add(world.people["dave"])
    assign_perm("manage_nodes", group, site)
    assign_perm("create_task", group, world.collaboration)
    assert derived() != before
    of_organizations.sync_permissions(site)
    of_collaborations.sync_permissions(world.collaboration)
    assert derived() == before


def test_groups_made_by_hand_are_never_touched(world: World) -> None:
    auditors = Group.objects.create(name="auditors")
    auditors.user_set.add(world.people["dave"])
    assign_perm("view_organization", auditors, world.sites[0])
    for site in world.sites:
        of_organizations.sync_permissions(site)
    of_collaborations.sync_permissions(world.collaboration)
    assert set(auditors.user_set.all()) == {world.people["dave"]}
    held: set[Any] = set(get_group_perms(auditors, world.sites[0]))
    assert held == {"view_organization"}


def test_a_new_role_replaces_the_one_before(world: World) -> None:
    dave, site = world.people["dave"], world.sites[1]
    grant_membership(user=dave, organization=site, role=Role.VIEWER, actor=SYSTEM)
    assert Membership.objects.filter(user=dave).count() == 1
    assert may(world, "dave", "organizations", {"view_organization"}, site)
    assert may(
        world, "dave", "collaborations", {"view_collaboration"}, world.collaboration
    )
    assert acts("membership.granted", object_id=site.pk, details__user=dave.pk) == 2


def test_a_membership_that_ends_takes_every_right_with_it(world: World) -> None:
    alice, site = world.people["alice"], world.sites[0]
    end_membership(membership=alice.memberships.get(), actor=SYSTEM)
    assert may(world, "alice", "organizations", set(), site)
    assert may(world, "alice", "collaborations", set(), world.collaboration)
    assert acts("membership.ended", object_id=site.pk) == 1


def test_a_participation_that_ends_leaves_the_others_as_they_are(world: World) -> None:
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[0]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    left = {"alice", "bob", "carol", "admin0"}
    for person, names in IN_COLLABORATION.items():
        expected = set() if person in left else names
        assert may(world, person, "collaborations", expected, world.collaboration)
    assert may(world, "alice", "organizations", MAY["alice"], world.sites[0])


def test_an_admin_of_the_collaboration_may_manage_it_but_not_send(
    world: World, rival: World
) -> None:
    world.collaboration.admins.add(rival.people["bob"])
    of_collaborations.sync_permissions(world.collaboration)
    names = {"view_collaboration", "manage_collaboration"}
    assert may(rival, "bob", "collaborations", names, world.collaboration)
    answer = rival.person("bob").post("/api/v1/tasks/", world.task_body())
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_every_organization_has_one_group_for_each_role(world: World) -> None:
    rows = OrganizationGroup.objects.filter(organization=world.sites[0])
    assert sorted(rows.values_list("role", flat=True)) == sorted(Role.values)
    assert rows.values("group").distinct().count() == len(Role)


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_people_who_join_at_the_same_time_all_get_their_rights(world: World) -> None:
    site = world.sites[0]
    people = [User.objects.create_user(f"new-{n}") for n in range(6)]
    at_once(
        [
            partial(
                grant_membership,
                user=user,
                organization=site,
                role=Role.RESEARCHER,
                actor=SYSTEM,
            )
            for user in people
        ]
    )
    group = of_organizations.role_group(site, Role.RESEARCHER)
    assert set(group.user_set.all()) == {*people, world.people["alice"]}
