from typing import Any, ClassVar

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.algorithms.choices import VersionStatus
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.algorithms.serializers import (
    AlgorithmSerializer,
    AllowedVersionSerializer,
    ImageRequestSerializer,
    VersionDetailSerializer,
    VersionRequestSerializer,
)
from apps.algorithms.services import (
    allow_image,
    disallow_version,
    register_version,
    reinstate_version,
    withdraw_version,
)
from apps.collaborations.models import Collaboration
from apps.collaborations.selectors import MANAGE
from ptm_site.filters import IdFilter
from ptm_site.objects import body_of, found, require
from ptm_site.requests import actor_of, require_platform_admin, user_of
from ptm_site.schema import CONFLICT


class AlgorithmViewSet(ReadOnlyModelViewSet[Algorithm]):
    """The algorithms that your collaborations allow, with their versions."""

    serializer_class = AlgorithmSerializer
    queryset = Algorithm.objects.none()
    filterset_fields = ("name", "repository")
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        user = self.request.user
        versions = AlgorithmVersion.objects.visible_to(user).select_related("algorithm")
        return Algorithm.objects.visible_to(user).prefetch_related(
            Prefetch("versions", queryset=versions)
        )


class VersionFilter(django_filters.FilterSet):
    algorithm = IdFilter()
    collaboration = IdFilter(
        method="allowed_in", help_text="Those that this collaboration allows."
    )
    status = django_filters.ChoiceFilter(choices=VersionStatus.choices)

    class Meta:
        model = AlgorithmVersion
        fields = ("algorithm", "collaboration", "status")

    def allowed_in(self, versions: Any, name: str, pk: int) -> Any:
        """What a collaboration allows is for those who see the collaboration."""
        request: Any = self.request
        seen = Collaboration.objects.visible_to(request.user).filter(pk=pk)
        return versions.filter(collaborations__in=seen)


class VersionViewSet(ReadOnlyModelViewSet[AlgorithmVersion]):
    """The versions that your collaborations allow."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    serializer_class = VersionDetailSerializer
    queryset = AlgorithmVersion.objects.none()
    filterset_class = VersionFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        visible = AlgorithmVersion.objects.visible_to(user_of(self.request))
        return visible.select_related("algorithm")

    @extend_schema(
        request=VersionRequestSerializer, responses={201: VersionDetailSerializer}
    )
    def create(self, request: Request) -> Response:
        """Pin what the registry holds for an image now. For platform admins."""
        require_platform_admin(request)
        fields = body_of(request, VersionRequestSerializer)
        version = register_version(**fields, actor=actor_of(request))
        return Response(VersionDetailSerializer(version).data, status=201)

    @extend_schema(request=None, responses={200: VersionDetailSerializer})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Let no new task use the version. For platform admins."""
        version: AlgorithmVersion = found(self.get_queryset(), pk)
        require_platform_admin(request)
        withdraw_version(version=version, actor=actor_of(request))
        return Response(VersionDetailSerializer(version).data)

    @extend_schema(request=None, responses={200: VersionDetailSerializer})
    @action(detail=True, methods=["post"])
    def reinstate(self, request: Request, pk: int) -> Response:
        """Let collaborations that allow the version use it again."""
        version: AlgorithmVersion = found(self.get_queryset(), pk)
        require_platform_admin(request)
        reinstate_version(version=version, actor=actor_of(request))
        return Response(VersionDetailSerializer(version).data)


class AllowedVersions(ListAPIView[AlgorithmVersion]):
    """What may run in a collaboration, the newest first.

    Also for who answers for an invited organization: this is what it consents to.
    """

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    serializer_class = AllowedVersionSerializer
    queryset = AlgorithmVersion.objects.none()

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        collaboration = found(
            Collaboration.objects.readable_by(user), self.kwargs["pk"]
        )
        return collaboration.allowed_versions.filter(
            status=VersionStatus.ACTIVE
        ).select_related("algorithm")

    @extend_schema(
        request=ImageRequestSerializer,
        responses={201: VersionDetailSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Let a collaboration that you manage use a registered image."""
        collaboration = _managed(request, pk)
        fields = body_of(request, ImageRequestSerializer)
        version = allow_image(
            image=fields["image"], collaboration=collaboration, asker=user_of(request)
        )
        return Response(VersionDetailSerializer(version).data, status=201)


class AllowedVersion(APIView):
    scopes: ClassVar[Scopes] = {"DELETE": TokenScope.ADMIN}

    @extend_schema(responses={204: None, 409: CONFLICT})
    def delete(self, request: Request, pk: int, version: int) -> Response:
        """Let no new task of the collaboration use the version; runs go on."""
        collaboration = _managed(request, pk)
        allowed = AlgorithmVersion.objects.filter(collaborations=collaboration)
        disallow_version(
            version=found(allowed, version),
            collaboration=collaboration,
            actor=actor_of(request),
        )
        return Response(status=204)


def _managed(request: Request, pk: int) -> Collaboration:
    user = user_of(request)
    collaboration: Collaboration = found(Collaboration.objects.visible_to(user), pk)
    require(Collaboration.objects.permitted_to(user, MANAGE), collaboration)
    return collaboration
