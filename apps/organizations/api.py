from typing import Any

from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.organizations.models import Organization
from apps.organizations.serializers import OrganizationSerializer


class OrganizationViewSet(ReadOnlyModelViewSet[Organization]):
    """Your organizations, and those you compute with."""

    serializer_class = OrganizationSerializer
    queryset = Organization.objects.none()
    filterset_fields = ("name",)

    def get_queryset(self) -> Any:
        return Organization.objects.visible_to(self.request.user)
