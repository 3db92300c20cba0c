from typing import Any

from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.collaborations.models import Collaboration
from apps.collaborations.serializers import CollaborationSerializer


class CollaborationViewSet(ReadOnlyModelViewSet[Collaboration]):
    """The collaborations that your organizations take part in, or that you manage."""

    serializer_class = CollaborationSerializer
    queryset = Collaboration.objects.none()
    filterset_fields = ("name",)

    def get_queryset(self) -> Any:
        return Collaboration.objects.visible_to(self.request.user).prefetch_related(
            "participations__organization"
        )
