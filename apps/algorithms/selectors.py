from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User
from apps.algorithms.choices import VersionStatus
from apps.algorithms.images import ImageReference
from apps.collaborations.models import Collaboration


class VersionQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """What the user's collaborations allow."""
        if user.is_active and user.is_superuser:
            return self
        visible = Collaboration.objects.visible_to(user).values("pk")
        return self.filter(
            pk__in=self.model.collaborations.through.objects.filter(
                collaboration__in=visible
            ).values("version")
        )

    def registered_as(self, image: str) -> Any:
        """Return the active version that an image's name means, if there is one."""
        reference = ImageReference.parse(image)
        named = (
            {"digest": reference.digest}
            if reference.digest
            else {"tag": reference.tag or "latest"}
        )
        return (
            self.filter(algorithm__repository=reference.repository, **named)
            .filter(status=VersionStatus.ACTIVE)
            .select_related("algorithm")
            .order_by("pk")
            .last()
        )

    def allowed_before(self, user: User) -> Self:
        """Each with those of its collaborations that the user may see."""
        visible = Collaboration.objects.visible_to(user).order_by("name")
        return self.prefetch_related(
            models.Prefetch("collaborations", queryset=visible)
        )


class AlgorithmQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those with a version that the user may see."""
        if user.is_active and user.is_superuser:
            return self
        versions = self.model.versions.rel.related_model.objects.visible_to(user)
        return self.filter(pk__in=versions.values("algorithm"))
