import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.people import require_platform_admin
from apps.audit.actors import Actor
from apps.audit.services import difference, record
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.events import collaboration_archived
from apps.collaborations.models import Collaboration
from apps.collaborations.permissions import sync_permissions
from apps.collaborations.policy import lock_changeable
from apps.errors import Forbidden

# What else than the purpose the policy holds.
POLICY = ("visibility", "deadline_days", "expires_at", "open_tasks_per_user")


@transaction.atomic
def create_collaboration(
    *,
    name: str,
    purpose: str = "",
    visibility: Visibility = Visibility.ORGANIZATION,
    deadline_days: int = 30,
    expires_at: datetime | None = None,
    open_tasks_per_user: int | None = None,
    admins: Iterable[User] = (),
    actor: Actor,
) -> Collaboration:
    group = Group.objects.create(name=f"collaboration:new:{name}"[:150])
    collaboration = Collaboration(
        name=name,
        purpose=purpose,
        visibility=visibility,
        deadline_days=deadline_days,
        expires_at=expires_at,
        open_tasks_per_user=open_tasks_per_user,
        admin_group=group,
    )
    collaboration.full_clean()
    collaboration.save()
    group.name = f"collaboration:{collaboration.pk}:admin"
    group.save(update_fields=("name",))
    collaboration.admins.set(admins)
    sync_permissions(collaboration)
    _record(actor, "collaboration.created", collaboration)
    return collaboration


@transaction.atomic
def update_collaboration(
    *,
    collaboration: Collaboration,
    purpose: str,
    visibility: Visibility,
    deadline_days: int,
    expires_at: datetime | None,
    open_tasks_per_user: int | None,
    actor: Actor,
) -> None:
    """Change the policy; tasks that exist keep what they were created with."""
    lock_changeable(collaboration.pk)
    before = _policy(collaboration)
    collaboration.purpose = purpose
    collaboration.visibility = visibility
    collaboration.deadline_days = deadline_days
    collaboration.expires_at = expires_at
    collaboration.open_tasks_per_user = open_tasks_per_user
    collaboration.full_clean()
    collaboration.save(update_fields=("purpose", *POLICY))
    changed = difference(before, _policy(collaboration))
    _record(actor, "collaboration.changed", collaboration, **changed)


@transaction.atomic
def archive_collaboration(*, collaboration: Collaboration, actor: Actor) -> None:
    """End it for good: nothing new and no change; what was there stays readable.

    Queued runs are cancelled, those that a node has begun may finish.
    """
    locked = lock_changeable(collaboration.pk)
    locked.archived_at = timezone.now()
    locked.save(update_fields=("archived_at",))
    locked.participations.filter(status=ParticipationStatus.INVITED).update(
        status=ParticipationStatus.ENDED, answered_at=locked.archived_at
    )
    collaboration.archived_at = locked.archived_at
    _record(actor, "collaboration.archived", collaboration)
    collaboration_archived.send(sender=Collaboration, collaboration=collaboration)


@transaction.atomic
def set_collaboration_admins(
    *, collaboration: Collaboration, admins: Iterable[User], actor: Actor
) -> None:
    """Say who administers it: a platform admin does, and names somebody else."""
    require_platform_admin(actor)
    before = _admins(collaboration)
    wanted = {person.pk for person in admins}
    if actor in {Actor.user(pk) for pk in wanted.difference(before["users"])}:
        raise Forbidden("Nobody makes themselves an admin: ask another platform admin.")
    collaboration.admins.set(wanted)
    sync_permissions(collaboration)
    changed = difference(before, _admins(collaboration))
    _record(actor, "collaboration.admins_set", collaboration, **changed)


def _policy(collaboration: Collaboration) -> dict[str, object]:
    """What the audit keeps of it: states, and of the purpose only that it changed."""
    expiry = collaboration.expires_at
    return {
        **{name: getattr(collaboration, name) for name in POLICY},
        "expires_at": expiry and expiry.isoformat(),
        "purpose_sha256": hashlib.sha256(collaboration.purpose.encode()).hexdigest(),
    }


def _admins(collaboration: Collaboration) -> dict[str, list[int]]:
    return {"users": sorted(collaboration.admins.values_list("pk", flat=True))}


def _record(
    actor: Actor, action: str, collaboration: Collaboration, **details: Any
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="collaboration",
        object_id=collaboration.pk,
        collaboration=collaboration.pk,
        **details,
    )
