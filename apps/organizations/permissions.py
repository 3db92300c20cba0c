"""Which role grants what, and the derivation of groups and grants from memberships."""

from django.contrib.auth.models import Group
from django.db import models, transaction
from guardian.shortcuts import (
    assign_perm,  # noqa: TID251 (this is the one place)
    get_perms,
    remove_perm,  # noqa: TID251
)

from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization, OrganizationGroup

GRANTS: dict[Role, frozenset[str]] = {
    Role.VIEWER: frozenset({"view_organization"}),
    Role.RESEARCHER: frozenset({"view_organization", "send_tasks"}),
    Role.STEWARD: frozenset({"view_organization"}),
    Role.ADMIN: frozenset(
        {"view_organization", "send_tasks", "manage_members", "manage_nodes"}
    ),
}


@transaction.atomic
def sync_permissions(organization: Organization) -> None:
    """Derive the organization's groups, their members and their grants. Idempotent."""
    # One at a time: who derives from older memberships would undo the newer ones.
    Organization.objects.select_for_update().get(pk=organization.pk)
    for role in Role:
        group = role_group(organization, role)
        group.user_set.set(
            Membership.objects.filter(organization=organization, role=role).values_list(
                "user_id", flat=True
            )
        )
        sync_grants(group, organization, GRANTS[role])


def role_group(organization: Organization, role: Role) -> Group:
    owned = OrganizationGroup.objects.filter(organization=organization, role=role)
    if found := owned.select_related("group").first():
        return found.group
    group = Group.objects.create(name=f"organization:{organization.pk}:{role}")
    OrganizationGroup.objects.create(organization=organization, role=role, group=group)
    return group


def sync_grants(group: Group, target: models.Model, wanted: frozenset[str]) -> None:
    """Make `group` hold exactly the permissions `wanted` on `target`."""
    held: set[str] = set(get_perms(group, target))
    for codename in sorted(wanted - held):
        assign_perm(codename, group, target)
    for codename in sorted(held - wanted):
        remove_perm(codename, group, target)
