"""`check_permissions` finds what is stored of rights and not derived, or reverse."""

import contextlib
import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError
from guardian.shortcuts import assign_perm, remove_perm  # noqa: TID251

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.collaborations.permissions import sync_permissions
from apps.organizations import permissions as of_organizations
from apps.organizations.choices import Role
from apps.organizations.models import Membership, OrganizationGroup
from tests.collaborations.policy import archive, stop_sending
from tests.worlds import World

AGREED = "Stored rights are exactly what is derived."


def check() -> list[str]:
    """What the command reports."""
    said = io.StringIO()
    with contextlib.suppress(CommandError):
        call_command("check_permissions", stdout=said)
    lines = said.getvalue().splitlines()
    return [line for line in lines if line != AGREED]


def group(world: World, role: Role) -> Group:
    owned = OrganizationGroup.objects.get(organization=world.sites[0], role=role)
    return owned.group


def admin_of(world: World) -> str:
    return f"collaboration:{world.collaboration.pk}:admin"


def test_what_the_services_stored_is_what_is_derived(world: World) -> None:
    assert check() == []
    stop_sending(world)
    archive(world)
    assert check() == []


def test_an_operators_script_learns_it_from_the_exit_status(world: World) -> None:
    said = io.StringIO()
    call_command("check_permissions", stdout=said)
    assert said.getvalue().strip() == AGREED
    join_group(world)
    with pytest.raises(CommandError, match="1 differ from what is derived") as failed:
        call_command("check_permissions", stdout=said)
    assert failed.value.returncode == 1


def join_group(world: World) -> str:
    bob = world.people["bob"]
    group(world, Role.ADMIN).user_set.add(bob)
    return f"organization:{world.sites[0].pk}:admin holds, underived: member {bob.pk}"


def leave_group(world: World) -> str:
    alice = world.people["alice"]
    group(world, Role.RESEARCHER).user_set.clear()
    return f"organization:{world.sites[0].pk}:researcher lacks: member {alice.pk}"


def end_a_membership_behind_its_back(world: World) -> str:
    bob = world.people["bob"]
    Membership.objects.filter(user=bob).delete()
    return f"organization:{world.sites[0].pk}:viewer holds, underived: member {bob.pk}"


def grant_on_the_organization(world: World) -> str:
    site = world.sites[0]
    assign_perm("manage_nodes", group(world, Role.VIEWER), site)
    return (
        f"organization:{site.pk}:viewer holds, underived:"
        f" manage_nodes on organization {site.pk}"
    )


def grant_on_the_collaboration(world: World) -> str:
    own = world.collaboration
    assign_perm("manage_collaboration", group(world, Role.ADMIN), own)
    return (
        f"organization:{world.sites[0].pk}:admin holds, underived:"
        f" manage_collaboration on collaboration {own.pk}"
    )


def take_from_the_collaborations_admins(world: World) -> str:
    own = world.collaboration
    remove_perm("manage_collaboration", own.admin_group, own)
    return f"{admin_of(world)} lacks: manage_collaboration on collaboration {own.pk}"


def add_to_the_collaborations_admins(world: World) -> str:
    alice = world.people["alice"]
    world.collaboration.admin_group.user_set.add(alice)
    return f"{admin_of(world)} holds, underived: member {alice.pk}"


def grant_to_a_hand_made_group(world: World) -> str:
    friends = Group.objects.create(name="friends")
    assign_perm("view_collaboration", friends, world.collaboration)
    return (
        "friends holds, underived:"
        f" view_collaboration on collaboration {world.collaboration.pk}"
    )


def grant_to_a_person(world: World) -> str:
    bob: User = world.people["bob"]
    assign_perm("collaborations.create_task", bob, world.collaboration)
    return (
        f"person {bob.pk} holds, underived:"
        f" create_task on collaboration {world.collaboration.pk}"
    )


TAMPERED: list[Callable[[World], str]] = [
    join_group,
    leave_group,
    end_a_membership_behind_its_back,
    grant_on_the_organization,
    grant_on_the_collaboration,
    take_from_the_collaborations_admins,
    add_to_the_collaborations_admins,
    grant_to_a_hand_made_group,
    grant_to_a_person,
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_each_difference_is_reported(
    world: World, tamper: Callable[[World], str]
) -> None:
    assert [tamper(world)] == check()


def test_deriving_anew_mends_what_is_ours(world: World) -> None:
    for tamper in TAMPERED[:2] + TAMPERED[3:7]:
        tamper(world)
    assert len(check()) == 6
    of_organizations.sync_permissions(world.sites[0])
    for collaboration in Collaboration.objects.all():
        sync_permissions(collaboration)
    assert check() == []


def test_an_organization_without_its_groups_is_reported(world: World) -> None:
    OrganizationGroup.objects.filter(
        organization=world.sites[0], role=Role.STEWARD
    ).delete()
    lacking = f"organization:{world.sites[0].pk}:steward lacks:"
    assert [line for line in check() if line.startswith(lacking)]
