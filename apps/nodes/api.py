from typing import Any

import django_filters
from django.db.models import Prefetch
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.collaborations.models import Collaboration
from apps.nodes.models import Enrolment, Node
from apps.nodes.serializers import NodeSerializer
from ptm_site.filters import IdFilter


class NodeFilter(django_filters.FilterSet):
    organization = IdFilter()

    class Meta:
        model = Node
        fields = ("organization",)


class NodeViewSet(ReadOnlyModelViewSet[Node]):
    """The nodes of the organizations that you may see, and what they release to you."""

    serializer_class = NodeSerializer
    queryset = Node.objects.none()
    filterset_class = NodeFilter

    def get_queryset(self) -> Any:
        user = self.request.user
        # A node may serve collaborations that are none of this user's business.
        shown = Enrolment.objects.filter(
            collaboration__in=Collaboration.objects.visible_to(user)
        ).prefetch_related("databases")
        return (
            Node.objects.visible_to(user)
            .select_related("organization")
            .prefetch_related(Prefetch("enrolments", queryset=shown))
        )
