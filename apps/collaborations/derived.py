"""Compares what is stored of rights with what memberships and consent say."""

from guardian.models import UserObjectPermission

from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Collaboration, CollaborationGrant, Participation
from apps.collaborations.permissions import ADMIN_GRANTS, GRANTS
from apps.organizations import derived as of_organizations
from apps.organizations.choices import Role
from apps.organizations.derived import Fact, granted, group_name

KIND = "collaboration"


def differences() -> list[str]:
    """Return one sentence for each right that is stored and not derived, or reverse."""
    derived = of_organizations.derived_facts() | _derived_facts()
    stored = of_organizations.stored_facts() | _stored_facts()
    return [
        *(f"{group} lacks: {what}" for group, what in sorted(derived - stored)),
        *(
            f"{group} holds, underived: {what}"
            for group, what in sorted(stored - derived)
        ),
        *_held_by_persons(),
    ]


def _derived_facts() -> set[Fact]:
    facts: set[Fact] = set()
    for pk in Collaboration.objects.values_list("pk", flat=True):
        facts |= {(_admin_group(pk), granted(name, pk, KIND)) for name in ADMIN_GRANTS}
    admins = Collaboration.admins.through.objects.values_list("collaboration", "user")
    facts |= {(_admin_group(pk), f"member {user}") for pk, user in admins}
    accepted = Participation.objects.filter(status=ParticipationStatus.ACCEPTED)
    for pk, organization in accepted.values_list("collaboration", "organization"):
        for role in Role:
            group = group_name(organization, role)
            facts |= {(group, granted(name, pk, KIND)) for name in GRANTS[role]}
    return facts


def _stored_facts() -> set[Fact]:
    groups = Collaboration.objects.values_list("admin_group", "pk")
    admin_groups = {group: _admin_group(pk) for group, pk in groups}
    names = {**of_organizations.owned_names(), **admin_groups}
    held = of_organizations.grants_of(CollaborationGrant, names, KIND)
    return held | of_organizations.members_of(admin_groups)


def _held_by_persons() -> list[str]:
    """Rights are a group's: one that a person holds by themselves came from nowhere."""
    rows = UserObjectPermission.objects.order_by("pk").values_list(
        "user", "permission__codename", "content_type__model", "object_pk"
    )
    return [
        f"person {user} holds, underived: {granted(codename, pk, kind)}"
        for user, codename, kind, pk in rows
    ]


def _admin_group(collaboration_id: int) -> str:
    return f"collaboration:{collaboration_id}:admin"
