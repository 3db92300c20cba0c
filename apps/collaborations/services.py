from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.events import participation_ended
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.permissions import sync_permissions
from apps.errors import Conflict, Forbidden
from apps.organizations.choices import Role
from apps.organizations.models import Organization

# What an answer may be given to.
ANSWERS = {
    ParticipationStatus.ACCEPTED: (ParticipationStatus.INVITED,),
    ParticipationStatus.DECLINED: (ParticipationStatus.INVITED,),
    ParticipationStatus.ENDED: (ParticipationStatus.ACCEPTED,),
}


@transaction.atomic
def create_collaboration(
    *,
    name: str,
    purpose: str = "",
    visibility: Visibility = Visibility.ORGANIZATION,
    deadline_days: int = 30,
    admins: Iterable[User] = (),
    actor: Actor,
) -> Collaboration:
    group = Group.objects.create(name=f"collaboration:new:{name}"[:150])
    collaboration = Collaboration(
        name=name,
        purpose=purpose,
        visibility=visibility,
        deadline_days=deadline_days,
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
    actor: Actor,
) -> None:
    """Change the policy; tasks that exist keep what they were created with."""
    collaboration.purpose = purpose
    collaboration.visibility = visibility
    collaboration.deadline_days = deadline_days
    collaboration.full_clean()
    collaboration.save(update_fields=("purpose", "visibility", "deadline_days"))
    _record(
        actor,
        "collaboration.changed",
        collaboration,
        visibility=visibility,
        deadline_days=deadline_days,
    )


@transaction.atomic
def set_collaboration_admins(
    *, collaboration: Collaboration, admins: Iterable[User], actor: Actor
) -> None:
    collaboration.admins.set(admins)
    sync_permissions(collaboration)
    ids = sorted(collaboration.admins.values_list("pk", flat=True))
    _record(actor, "collaboration.admins_set", collaboration, users=ids)


@transaction.atomic
def invite_organization(
    *, collaboration: Collaboration, organization: Organization, actor: Actor
) -> Participation:
    """Invite the organization; nothing is granted until its own admin accepts."""
    participation, created = Participation.objects.get_or_create(
        collaboration=collaboration,
        organization=organization,
        defaults={"status": ParticipationStatus.INVITED},
    )
    if not created:
        closed = (ParticipationStatus.DECLINED, ParticipationStatus.ENDED)
        _move(participation, closed, ParticipationStatus.INVITED)
    _record(
        actor,
        "participation.invited",
        collaboration,
        organization=organization.pk,
    )
    return participation


@transaction.atomic
def answer_invitation(
    *, participation: Participation, answer: ParticipationStatus, actor: Actor
) -> Participation:
    """Accept, decline or end a participation and derive the rights anew."""
    _move(participation, ANSWERS[answer], answer)
    sync_permissions(participation.collaboration)
    _record(
        actor,
        f"participation.{answer}",
        participation.collaboration,
        organization=participation.organization_id,
    )
    if answer == ParticipationStatus.ENDED:
        participation_ended.send(sender=Participation, participation=participation)
    return participation


@transaction.atomic
def withdraw_invitation(*, participation: Participation, actor: Actor) -> None:
    """Take back an invitation that nobody has answered."""
    _move(participation, (ParticipationStatus.INVITED,), ParticipationStatus.ENDED)
    _record(
        actor,
        "participation.withdrawn",
        participation.collaboration,
        organization=participation.organization_id,
    )


def answer_as_admin(
    *, participation: Participation, answer: ParticipationStatus, admin: User
) -> Participation:
    """Answer for the organization: only its own admin may."""
    own_admin = participation.organization.memberships.filter(
        user=admin, role=Role.ADMIN
    )
    if not own_admin.exists():
        raise Forbidden("Only an admin of the organization itself can answer.")
    return answer_invitation(
        participation=participation, answer=answer, actor=Actor.user(admin.pk)
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
        raise Conflict(
            "participation_state", f"This participation is {participation.status}."
        )
    participation.status = status


def _record(
    actor: Actor, action: str, collaboration: Collaboration, **details: object
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="collaboration",
        object_id=collaboration.pk,
        **details,
    )
