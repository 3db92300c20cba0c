from typing import Any

from django.db.models import Prefetch
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.algorithms.serializers import AlgorithmSerializer


class AlgorithmViewSet(ReadOnlyModelViewSet[Algorithm]):
    """The algorithms that your collaborations allow, with their versions."""

    serializer_class = AlgorithmSerializer
    queryset = Algorithm.objects.none()
    filterset_fields = ("name", "repository")

    def get_queryset(self) -> Any:
        user = self.request.user
        versions = AlgorithmVersion.objects.visible_to(user).select_related("algorithm")
        return Algorithm.objects.visible_to(user).prefetch_related(
            Prefetch("versions", queryset=versions)
        )
