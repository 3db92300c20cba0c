from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models

from apps.accounts.models import User
from apps.tasks.models import Run


class ResultQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The results of the runs that the user may see."""
        # Asked of each result in turn: a list of the newest stays short at any depth.
        visible = Run.objects.visible_to(user).filter(pk=models.OuterRef("run"))
        return self.filter(models.Exists(visible))
