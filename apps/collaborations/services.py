import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.accounts.people import require_platform_admin
from apps.audit.actors import Actor
from apps.audit.services import difference, record
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.events import collaboration_archived, participation_ended
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.permissions import sync_permissions
from apps.collaborations.policy import lock, lock_changeable
from apps.collaborations.selectors import MANAGE
from apps.collaborations.studies import leave_studies
from apps.errors import Conflict, Forbidden, Invalid
from apps.organizations.models import Organization

# What an answer may be given to.
ANSWERS = {
    ParticipationStatus.ACCEPTED: (ParticipationStatus.INVITED,),
    ParticipationStatus.DECLINED: (ParticipationStatus.INVITED,),
    ParticipationStatus.ENDED: (ParticipationStatus.ACCEPTED,),
}

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


def invite_called(
    *, collaboration: Collaboration, name: str, field: str, asker: User
) -> Participation:
    """Invite the organization of this exact name, which need not be in sight."""
    organization = Organization.objects.filter(name=name).first()
    if organization is None:
        keep_told(asker, "organization", collaboration=collaboration.pk)
        detail = "There is no organization of this name."
        raise Invalid(field, "organization_unknown", detail)
    return invite_organization(
        collaboration=collaboration,
        organization=organization,
        actor=Actor.user(asker.pk),
    )


@transaction.atomic
def invite_organization(
    *, collaboration: Collaboration, organization: Organization, actor: Actor
) -> Participation:
    """Invite the organization; nothing is granted until its own admin accepts."""
    lock_changeable(collaboration.pk)
    participation, created = Participation.objects.get_or_create(
        collaboration=collaboration,
        organization=organization,
        defaults={"status": ParticipationStatus.INVITED},
    )
    before = None if created else participation.status
    if not created:
        closed = (ParticipationStatus.DECLINED, ParticipationStatus.ENDED)
        _move(participation, closed, ParticipationStatus.INVITED)
    moved = _moved(before, ParticipationStatus.INVITED)
    _record_consent(actor, "participation.invited", participation, **moved)
    return participation


@transaction.atomic
def answer_invitation(
    *, participation: Participation, answer: ParticipationStatus, actor: Actor
) -> Participation:
    """Accept, decline or end a participation and derive the rights anew."""
    if answer == ParticipationStatus.ACCEPTED:
        lock_changeable(participation.collaboration_id)
    else:
        lock(participation.collaboration_id)
    _move(participation, ANSWERS[answer], answer)
    sync_permissions(participation.collaboration)
    moved = _moved(ANSWERS[answer][0], answer)
    _record_consent(actor, f"participation.{answer}", participation, **moved)
    if answer == ParticipationStatus.ENDED:
        leave_studies(participation)
        participation_ended.send(sender=Participation, participation=participation)
    return participation


@transaction.atomic
def withdraw_invitation(*, participation: Participation, actor: Actor) -> None:
    """Take back an invitation that nobody has answered."""
    _move(participation, (ParticipationStatus.INVITED,), ParticipationStatus.ENDED)
    moved = _moved(ParticipationStatus.INVITED, ParticipationStatus.ENDED)
    _record_consent(actor, "participation.withdrawn", participation, **moved)


@transaction.atomic
def set_may_create_tasks(
    *, participation: Participation, allowed: bool, actor: Actor
) -> None:
    """Let the organization's people send tasks here, or not; those sent go on."""
    lock_changeable(participation.collaboration_id)
    taking_part = Participation.objects.accepted().filter(pk=participation.pk)
    before = taking_part.values("may_create_tasks").first()
    if before is None:
        raise _wrong_state(participation)
    taking_part.update(may_create_tasks=allowed)
    participation.may_create_tasks = allowed
    changed = difference(before, {"may_create_tasks": allowed})
    action = "sending_allowed" if allowed else "sending_stopped"
    _record_consent(actor, f"participation.{action}", participation, **changed)


def answer_as_admin(
    *, participation: Participation, answer: ParticipationStatus, admin: User
) -> Participation:
    """Answer for the organization: only its own admin may."""
    own = Organization.objects.with_own_admin(admin)
    if not own.filter(pk=participation.organization_id).exists():
        raise Forbidden("Only an admin of the organization itself can answer.")
    return answer_invitation(
        participation=participation, answer=answer, actor=Actor.user(admin.pk)
    )


def end_participation(*, participation: Participation, user: User) -> Participation:
    """End it from either side: as its own admin, or as the collaboration's."""
    managed = Collaboration.objects.permitted_to(user, MANAGE)
    if not managed.filter(pk=participation.collaboration_id).exists():
        return answer_as_admin(
            participation=participation, answer=ParticipationStatus.ENDED, admin=user
        )
    return answer_invitation(
        participation=participation,
        answer=ParticipationStatus.ENDED,
        actor=Actor.user(user.pk),
    )


def _move(
    participation: Participation,
    allowed: tuple[ParticipationStatus, ...],
    status: ParticipationStatus,
) -> None:
    moved = Participation.objects.filter(
        pk=participation.pk, status__in=allowed
    ).update(status=status, answered_at=timezone.now())
    if not moved:
        raise _wrong_state(participation)
    participation.status = status


def _wrong_state(participation: Participation) -> Conflict:
    return Conflict(
        "participation_state", f"This participation is {participation.status}."
    )


def _moved(before: str | None, after: str) -> dict[str, dict[str, object]]:
    return difference({"status": before}, {"status": str(after)})


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


def _record_consent(
    actor: Actor, action: str, participation: Participation, **details: Any
) -> None:
    """Both sides read it: who runs the collaboration, and who answers for the site."""
    record(
        actor=actor,
        action=action,
        object_type="participation",
        object_id=participation.pk,
        organization=participation.organization_id,
        collaboration=participation.collaboration_id,
        **details,
    )
