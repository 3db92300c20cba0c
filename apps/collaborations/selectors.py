from typing import Any, Self, cast

from django.contrib.auth.models import AnonymousUser
from django.db import models
from guardian.shortcuts import get_objects_for_user  # noqa: TID251 (the one place)

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
        granted = get_objects_for_user(
            user, permission, klass=self, use_groups=True, accept_global_perms=False
        )
        return cast(Self, granted)


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
