from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.collaborations.models import Collaboration, Study
from apps.collaborations.selectors import MANAGE
from apps.collaborations.serializers import (
    StudyChangeSerializer,
    StudyRequestSerializer,
    StudySerializer,
)
from apps.collaborations.studies import create_study, end_study, update_study
from apps.organizations.models import Organization
from ptm_site.filters import IdFilter
from ptm_site.objects import body_of, found, named, require
from ptm_site.requests import actor_of, user_of
from ptm_site.schema import CONFLICT


class StudyFilter(django_filters.FilterSet):
    collaboration = IdFilter()
    going_on = django_filters.BooleanFilter(field_name="ended_at", lookup_expr="isnull")

    class Meta:
        model = Study
        fields = ("collaboration", "going_on")


class StudyViewSet(ReadOnlyModelViewSet[Study]):
    """Named parts of your collaborations, ended ones too."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN, "PATCH": TokenScope.ADMIN}
    serializer_class = StudySerializer
    queryset = Study.objects.none()
    filterset_class = StudyFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        visible = Study.objects.visible_to(user_of(self.request))
        return visible.select_related("collaboration").prefetch_related("organizations")

    @extend_schema(
        request=StudyRequestSerializer,
        responses={201: StudySerializer, 409: CONFLICT},
    )
    def create(self, request: Request) -> Response:
        """Make a study of some organizations of a collaboration that you manage."""
        user = user_of(request)
        fields = body_of(request, StudyRequestSerializer)
        collaboration = named(
            Collaboration.objects.visible_to(user),
            fields["collaboration"],
            "collaboration",
        )
        require(Collaboration.objects.permitted_to(user, MANAGE), collaboration)
        study = create_study(
            collaboration=collaboration,
            name=fields["name"],
            organizations=_numbered(fields["organizations"]),
            actor=actor_of(request),
        )
        return Response(self._shown(study.pk), status=201)

    @extend_schema(
        request=StudyChangeSerializer, responses={200: StudySerializer, 409: CONFLICT}
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change name or organizations; tasks that were sent to it go on."""
        study = self._managed(pk)
        fields = body_of(request, StudyChangeSerializer)
        present = [organization.pk for organization in study.organizations.all()]
        update_study(
            study=study,
            name=fields.get("name", study.name),
            organizations=_numbered(fields.get("organizations", present)),
            actor=actor_of(request),
        )
        return Response(self._shown(pk))

    @extend_schema(request=None, responses={200: StudySerializer, 409: CONFLICT})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: int) -> Response:
        """Take no new task for it; those that were sent go on."""
        end_study(study=self._managed(pk), actor=actor_of(request))
        return Response(self._shown(pk))

    def _managed(self, pk: int) -> Study:
        study: Study = found(self.get_queryset(), pk)
        managed = Collaboration.objects.permitted_to(user_of(self.request), MANAGE)
        require(managed, study.collaboration)
        return study

    def _shown(self, pk: int) -> Any:
        return StudySerializer(found(self.get_queryset(), pk)).data


def _numbered(ids: list[int]) -> list[Organization]:
    """The service refuses those that take no part as those that are not there."""
    return [Organization(pk=pk) for pk in ids]
