from typing import Any, Self

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User
from apps.errors import Invalid
from apps.organizations.choices import Role


class OrganizationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own organizations, and those one computes with."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        # Collaborations lie above this app: their participations are asked by name.
        participation = apps.get_model("collaborations", "Participation")
        return self.filter(
            models.Q(memberships__user=user)
            | models.Q(pk__in=participation.objects.beside(user).values("organization"))
        ).distinct()

    def permitted_to(self, user: User | AnonymousUser, permission: str) -> Self:
        """Those on which the user holds `permission` through a group."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=_granted(user, permission))

    def with_sender(self, user: User) -> Self:
        """Those for which a role lets the person send: no platform admin as such."""
        if not user.is_active:
            return self.none()
        return self.filter(pk__in=_granted(user, "send_tasks"))

    def with_own_admin(self, user: User) -> Self:
        """Those of which the person is an admin; no platform admin is as such."""
        return self.filter(
            memberships__user=user,
            memberships__user__is_active=True,
            memberships__role=Role.ADMIN,
        )

    def administered_by(self, user: User) -> Self:
        """One's own as an admin, and those in the collaborations that one manages."""
        own = self.model.objects.permitted_to(user, "manage_members")
        # Whoever is only invited, or has left, shows the collaboration nothing.
        together = self.model.objects.filter(
            participations__collaboration__admins=user,
            participations__status="accepted",
        )
        return self.filter(
            models.Q(pk__in=own.values("pk")) | models.Q(pk__in=together.values("pk"))
        )


def _granted(user: User, permission: str) -> models.QuerySet[Any]:
    grants = apps.get_model("organizations", "OrganizationGrant").objects
    held = grants.filter(group__user=user, permission__codename=permission)
    return held.values("content_object")


class MembershipQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Everybody's in the organizations of which one is a member."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        own = self.model.objects.filter(user=user).values("organization")
        return self.filter(organization__in=own)


def people_known_to(user: User) -> models.QuerySet[User]:
    """Whom the user may name: of others it is not even said that they are."""
    if user.is_superuser:
        return User.objects.all()
    organizations = apps.get_model("organizations", "Organization").objects
    own = organizations.permitted_to(user, "manage_members")
    return User.objects.filter(memberships__organization__in=own).distinct()


def person_called(username: str, known_to: User) -> User:
    person = people_known_to(known_to).filter(username=username).first()
    if person is None:
        detail = "You know of no person with this username."
        raise Invalid("username", "person_unknown", detail)
    return person
