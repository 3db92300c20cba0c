"""Derives a collaboration's grants from participations and its admins."""

from django.db import transaction

from apps.collaborations.models import Collaboration
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.permissions import role_group, sync_grants

GRANTS: dict[Role, frozenset[str]] = {
    Role.VIEWER: frozenset({"view_collaboration"}),
    Role.RESEARCHER: frozenset({"view_collaboration", "create_task"}),
    Role.STEWARD: frozenset({"view_collaboration"}),
    Role.ADMIN: frozenset({"view_collaboration", "create_task"}),
}
ADMIN_GRANTS = frozenset({"view_collaboration", "manage_collaboration"})
NOTHING: frozenset[str] = frozenset()


@transaction.atomic
def sync_permissions(collaboration: Collaboration) -> None:
    """Derive who may do what in the collaboration. Idempotent."""
    # One at a time, as with an organization's.
    Collaboration.objects.select_for_update().get(pk=collaboration.pk)
    collaboration.admin_group.user_set.set(collaboration.admins.all())
    sync_grants(collaboration.admin_group, collaboration, ADMIN_GRANTS)
    taking_part = set(
        collaboration.participations.accepted().values_list("organization", flat=True)
    )
    ever_invited = Organization.objects.filter(
        participations__collaboration=collaboration
    )
    for organization in ever_invited:
        for role in Role:
            wanted = GRANTS[role] if organization.pk in taking_part else NOTHING
            sync_grants(role_group(organization, role), collaboration, wanted)
