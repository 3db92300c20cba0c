"""An organization's consent to a collaboration: asked for, given and taken back."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.audit.actors import Actor
from apps.audit.services import difference, record
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.events import participation_ended
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
