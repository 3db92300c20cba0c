from typing import Any, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models.functions import Coalesce

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.organizations.models import Organization


class NodeQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The nodes of the organizations that the user may see."""
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def in_use(self) -> Self:
        return self.filter(revoked_at=None)

    def serving(self, collaboration: Collaboration) -> Self:
        return self.in_use().filter(
            enrolments__collaboration=collaboration,
            organization__participations__collaboration=collaboration,
            organization__participations__status="accepted",
        )

    def with_runs_held(self) -> Self:
        """Each with the number of runs that it holds, as `runs_held`."""
        runs = self.model.runs.rel.related_model.objects.held()
        of_node = runs.filter(node=models.OuterRef("pk")).order_by().values("node")
        count = of_node.annotate(n=models.Count("pk")).values("n")
        return self.annotate(
            runs_held=Coalesce(models.Subquery(count), models.Value(0))
        )
