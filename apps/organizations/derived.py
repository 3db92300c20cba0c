"""What memberships say that is stored of groups and grants: to compare, not to mend."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from guardian.models import GroupObjectPermissionBase

from apps.organizations.choices import Role
from apps.organizations.models import (
    Membership,
    Organization,
    OrganizationGrant,
    OrganizationGroup,
)
from apps.organizations.permissions import GRANTS

# A group's name, and what it holds: "member 7", "send_tasks on organization 3".
Fact = tuple[str, str]


def derived_facts() -> set[Fact]:
    """What every organization's groups should hold."""
    members = Membership.objects.values_list("organization", "role", "user")
    facts = {(group_name(of, role), f"member {user}") for of, role, user in members}
    for pk in Organization.objects.values_list("pk", flat=True):
        for role in Role:
            held = {(group_name(pk, role), granted(n, pk)) for n in GRANTS[role]}
            facts |= held
    return facts


def stored_facts() -> set[Fact]:
    """What they do hold, and what any other group holds on an organization."""
    names = owned_names()
    return members_of(names) | grants_of(OrganizationGrant, names, "organization")


def owned_names() -> dict[int, str]:
    """Each derived group's id, and the name that its owner gives it."""
    rows = OrganizationGroup.objects.values_list("group", "organization", "role")
    return {group: group_name(pk, role) for group, pk, role in rows}


def members_of(names: dict[int, str]) -> set[Fact]:
    rows = Group.user_set.through.objects.filter(group__in=names)
    return {
        (names[group], f"member {user}")
        for group, user in rows.values_list("group", "user")
    }


def grants_of(
    grants: type[GroupObjectPermissionBase], names: dict[int, str], kind: str
) -> set[Fact]:
    """Every grant on objects of the kind, whichever group holds it."""
    rows: Iterable[tuple[int, str, str, int]] = grants.objects.values_list(
        "group", "group__name", "permission__codename", "content_object"
    )
    return {
        (names.get(group, name), granted(codename, pk, kind))
        for group, name, codename, pk in rows
    }


def group_name(organization_id: int, role: str) -> str:
    return f"organization:{organization_id}:{role}"


def granted(codename: str, pk: int, kind: str = "organization") -> str:
    return f"{codename} on {kind} {pk}"
