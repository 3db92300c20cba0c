"""What is done to organizations: by whom never, and what is stored."""

import pytest
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.people import NewPerson
from apps.audit.actors import SYSTEM, Actor
from apps.errors import Forbidden
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.services import (
    admit_person,
    end_membership,
    grant_membership,
    rename_organization,
)
from tests.stored import acts, nothing_stored
from tests.worlds import World


def test_a_new_name_is_stored_and_a_taken_or_empty_one_is_not(world: World) -> None:
    site, other = world.sites[:2]
    rename_organization(organization=site, name="Site West", actor=SYSTEM)
    assert Organization.objects.get(pk=site.pk).name == "Site West"
    assert acts("organization.renamed", object_id=site.pk) == 1
    for name in (other.name, "", "x" * 201):
        with pytest.raises(ValidationError), nothing_stored():
            rename_organization(organization=site, name=name, actor=SYSTEM)
    assert Organization.objects.get(pk=site.pk).name == "Site West"


def test_a_person_is_admitted_with_a_role_or_not_at_all(world: World) -> None:
    site = world.sites[0]
    membership, password = admit_person(
        person=NewPerson("zoe"), organization=site, role=Role.STEWARD, actor=SYSTEM
    )
    assert membership.user.check_password(password)
    assert (membership.organization, membership.role) == (site, Role.STEWARD)
    before = User.objects.count(), Membership.objects.count()
    with pytest.raises(ValidationError), nothing_stored():
        admit_person(
            person=NewPerson("zoe"), organization=site, role=Role.ADMIN, actor=SYSTEM
        )
    assert (User.objects.count(), Membership.objects.count()) == before


def test_who_may_not_admit_is_not_told_which_names_are_taken(world: World) -> None:
    actor, site = Actor.user(world.people["alice"].pk), world.sites[0]
    for name in ("zoe", world.people["admin1"].username):
        with pytest.raises(Forbidden), nothing_stored():
            admit_person(
                person=NewPerson(name),
                organization=site,
                role=Role.VIEWER,
                actor=actor,
            )
    assert not User.objects.filter(username="zoe").exists()


@pytest.mark.parametrize("person", ["admin0", "root"])
def test_nobody_grants_or_ends_a_role_of_their_own(world: World, person: str) -> None:
    user = world.platform_admin if person == "root" else world.people[person]
    actor, site = Actor.user(user.pk), world.sites[0]
    with pytest.raises(Forbidden), nothing_stored():
        grant_membership(user=user, organization=site, role=Role.ADMIN, actor=actor)
    for membership in user.memberships.all():
        with pytest.raises(Forbidden), nothing_stored():
            end_membership(membership=membership, actor=actor)
    assert user.memberships.count() == (0 if person == "root" else 1)


def test_admins_manage_their_own_organization_only(world: World, rival: World) -> None:
    admin, manage = world.people["admin0"], "manage_members"
    permitted = Organization.objects.permitted_to
    assert set(permitted(admin, manage)) == {world.sites[0]}
    assert not permitted(world.people["alice"], manage).exists()
    assert set(permitted(world.platform_admin, manage)) >= {*world.sites, *rival.sites}
    admin.is_active = False
    assert not permitted(admin, manage).exists()


def test_who_is_deactivated_sends_answers_and_sees_for_nobody(world: World) -> None:
    admin = world.people["admin0"]

    def found() -> list[bool]:
        return [
            Organization.objects.with_sender(admin).exists(),
            Organization.objects.with_own_admin(admin).exists(),
            Membership.objects.visible_to(admin).exists(),
        ]

    assert found() == [True] * 3
    admin.is_active = False
    admin.save()
    assert found() == [False] * 3
