from typing import Any, Self

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User


class OrganizationQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own organizations, and those one computes with."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        # Collaborations lie above this app: their participations are asked by name.
        participation = apps.get_model("collaborations", "Participation")
        return self.filter(
            models.Q(memberships__user=user)
            | models.Q(pk__in=participation.objects.beside(user).values("organization"))
        ).distinct()
