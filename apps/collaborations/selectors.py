from typing import Any, NamedTuple, Self

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.organizations.choices import Role
from apps.prepared import Prepared

MANAGE = "manage_collaboration"
# Who answers for an organization: its admins, and its data stewards, who only read.
AUDIT_READERS = (Role.ADMIN, Role.STEWARD)


class CollaborationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.permitted_to(user, "view_collaboration")

    def readable_by(self, user: User) -> Self:
        """Those, and what an organization of theirs has yet to consent to."""
        asked = apps.get_model("collaborations", "Participation").objects
        concerned = asked.standing().administered_by(user)
        return self.filter(
            models.Q(pk__in=self.model.objects.visible_to(user).values("pk"))
            | models.Q(pk__in=concerned.values("collaboration"))
        )

    def permitted_to(self, user: User | AnonymousUser, permission: str) -> Self:
        """Those on which the user holds `permission` through a group."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=granted(user, permission))

    def with_sender(self, user: User | AnonymousUser) -> Self:
        """Those where a role lets the person send: no platform admin as such."""
        if not user.is_active:
            return self.none()
        return self.filter(pk__in=granted(user, "create_task"))

    def changeable_by(self, user: User | AnonymousUser) -> Self:
        """Those that the user manages, as long as they are not archived."""
        return self.permitted_to(user, MANAGE).filter(archived_at=None)


class Ways(NamedTuple):
    """Which doors are open to a person, besides reading."""

    sending: bool
    administration: bool


def ways_of(user: User) -> Ways:
    """One query, written once: every page asks, to show the way."""
    found = _ways.rows(user.is_superuser, user=user.pk)
    sends, enters = found[0].values() if found else (False, False)
    return Ways(sends, enters or user.is_superuser)


def _build_ways(superuser: bool, *, user: int) -> models.QuerySet[User, Any]:
    asker = User(pk=user)
    sending = models.Exists(granted(asker, "create_task"))
    if superuser:
        sending = models.Exists(asker.memberships.all())
    return (
        User.objects.filter(pk=user, is_active=True)
        .annotate(sends=sending, enters=models.Exists(_answering(asker, AUDIT_READERS)))
        .values("sends", "enters")
    )


_ways = Prepared(_build_ways)


def administers(user: User | AnonymousUser) -> bool:
    """Whether this person manages something, beyond their own tasks."""
    return _answers_for_something(user, (Role.ADMIN,))


def reads_audit(user: User | AnonymousUser) -> bool:
    """Whether the administration is for this person: data stewards read the audit."""
    return _answers_for_something(user, AUDIT_READERS)


def _answers_for_something(user: User | AnonymousUser, roles: tuple[Role, ...]) -> bool:
    if not user.is_active:
        return False
    return user.is_superuser or bool(_answers.rows(roles, user=user.pk))


def _answering(user: User, roles: tuple[Role, ...]) -> models.QuerySet[User]:
    """The person, if there is an organization or a collaboration to answer for."""
    administered = models.Q(administered_collaborations__isnull=False)
    answers = models.Q(memberships__role__in=roles)
    return User.objects.filter(pk=user.pk).filter(answers | administered)


def _build_answers(roles: tuple[Role, ...], *, user: int) -> models.QuerySet[User, Any]:
    return _answering(User(pk=user), roles).values("pk")[:1]


_answers = Prepared(_build_answers)


def granted(user: User, permission: str) -> models.QuerySet[Any]:
    """The ids of the collaborations on which a group of the user holds `permission`.

    Guardian's rows, read without guardian's detours: this stands in every list.
    """
    grants = apps.get_model("collaborations", "CollaborationGrant")
    return grants.objects.filter(
        group__user=user, permission__codename=permission
    ).values("content_object")


class ParticipationQuerySet(models.QuerySet[Any]):
    def accepted(self) -> Self:
        return self.filter(status=ParticipationStatus.ACCEPTED)

    def standing(self) -> Self:
        """Those that somebody may still answer or end."""
        return self.filter(
            status__in=(ParticipationStatus.INVITED, ParticipationStatus.ACCEPTED)
        )

    def going_on(self) -> Self:
        """Accepted ones of collaborations that are not archived: nodes may work."""
        return self.accepted().filter(collaboration__archived_at=None)

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """What `shown_to` says, of collaborations that the user sees or is asked to."""
        if not user.is_active:
            return self.none()
        visible = self.model.collaboration.field.related_model.objects.visible_to(user)
        shown = self.model.objects.shown_to(user).filter(collaboration__in=visible)
        own = self.model.objects.administered_by(user)
        return self.filter(
            models.Q(pk__in=shown.values("pk")) | models.Q(pk__in=own.values("pk"))
        )

    def shown_to(self, user: User) -> Self:
        """Who takes part; who is asked to, only to those whom it concerns."""
        managed = apps.get_model("collaborations", "Collaboration")
        concerned = models.Q(
            collaboration__in=managed.objects.permitted_to(user, "manage_collaboration")
        ) | models.Q(organization__in=user.memberships.values("organization"))
        return self.filter(
            models.Q(status=ParticipationStatus.ACCEPTED)
            | models.Q(status=ParticipationStatus.INVITED) & concerned
        )

    def answerable_by(self, user: User) -> Self:
        """Those of the organizations for which the user may accept, decline or end."""
        organizations = apps.get_model("organizations", "Organization").objects
        return self.standing().filter(
            organization__in=organizations.with_own_admin(user)
        )

    def beside(self, user: User) -> Self:
        """Accepted participations in the collaborations of the user's organizations."""
        own = self.model.objects.accepted().filter(organization__memberships__user=user)
        administered = user.administered_collaborations.values("pk")
        return self.accepted().filter(
            models.Q(collaboration__in=own.values("collaboration"))
            | models.Q(collaboration__in=administered)
        )

    def managed_by(self, user: User) -> Self:
        """All of the collaborations that one manages, ended ones too."""
        managed = self.model.collaboration.field.related_model.objects
        return self.filter(collaboration__in=managed.permitted_to(user, MANAGE))

    def administered_by(self, user: User) -> Self:
        """Those of the organizations and of the collaborations that one manages."""
        organizations = apps.get_model("organizations", "Organization").objects
        managed = self.model.collaboration.field.related_model.objects
        return self.filter(
            models.Q(
                organization__in=organizations.permitted_to(user, "manage_members")
            )
            | models.Q(collaboration__in=managed.permitted_to(user, MANAGE))
        )


class StudyQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those of the collaborations that the user sees, ended ones too."""
        managed = self.model.collaboration.field.related_model.objects
        return self.filter(collaboration__in=managed.visible_to(user))

    def changeable_by(self, user: User | AnonymousUser) -> Self:
        managed = self.model.collaboration.field.related_model.objects
        return self.going_on().filter(collaboration__in=managed.changeable_by(user))

    def going_on(self) -> Self:
        return self.filter(ended_at=None)
