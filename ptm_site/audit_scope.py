"""Who reads which part of the audit, and whose names they see in it."""

from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.audit.choices import ActorKind
from apps.audit.models import Event
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import AUDIT_READERS, MANAGE
from apps.organizations.models import Membership


def events_for(user: User) -> QuerySet[Event]:
    """Everything to a platform admin; to others what concerns theirs.

    Theirs are the organizations that they answer for, with the people in them now and
    the rules of what they take part in, and the collaborations that they manage. The
    ids are read first: the database finds its way through the indexes by plain lists,
    not by subqueries.
    """
    if not user.is_active:
        return Event.objects.none()
    if user.is_superuser:
        return Event.objects.all()
    organizations = _organizations(user)
    people = list(_members(organizations).values_list("user", flat=True).distinct())
    concerned = Q(organization_id__in=organizations)
    concerned |= Q(collaboration_id__in=_collaborations(user))
    # The rules to which one's organizations have consented, as they change.
    concerned |= Q(object_type="collaboration", object_id__in=_joined(organizations))
    concerned |= Q(object_type="user", object_id__in=people)
    concerned |= Q(
        action__in=("token.created", "token.revoked"),
        actor_kind=ActorKind.USER,
        actor_id__in=people,
    )
    return Event.objects.filter(concerned)


def people_named_to(user: User) -> QuerySet[User]:
    """Those whose names the reader meets elsewhere too; others stay a number."""
    if user.is_superuser:
        return User.objects.all()
    together = Participation.objects.accepted().filter(
        collaboration__in=_collaborations(user)
    )
    organizations = {
        *_organizations(user),
        *together.values_list("organization", flat=True),
    }
    members = _members(organizations).values("user")
    return User.objects.filter(Q(pk__in=members) | Q(pk=user.pk))


def _organizations(user: User) -> list[int]:
    own = user.memberships.filter(role__in=AUDIT_READERS)
    return list(own.values_list("organization", flat=True))


def _collaborations(user: User) -> list[int]:
    managed = Collaboration.objects.permitted_to(user, MANAGE)
    return list(managed.values_list("pk", flat=True))


def _joined(organizations: list[int]) -> list[int]:
    accepted = Participation.objects.accepted().filter(organization__in=organizations)
    return list(accepted.values_list("collaboration", flat=True).distinct())


def _members(organizations: Any) -> QuerySet[Membership]:
    return Membership.objects.filter(organization__in=organizations)
