from typing import Any, Self

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus


class CollaborationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.permitted_to(user, "view_collaboration")

    def permitted_to(self, user: User | AnonymousUser, permission: str) -> Self:
        """Those on which the user holds `permission` through a group."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=granted(user, permission))


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

    def beside(self, user: User) -> Self:
        """Accepted participations in the collaborations of the user's organizations."""
        own = self.model.objects.accepted().filter(organization__memberships__user=user)
        administered = user.administered_collaborations.values("pk")
        return self.accepted().filter(
            models.Q(collaboration__in=own.values("collaboration"))
            | models.Q(collaboration__in=administered)
        )
