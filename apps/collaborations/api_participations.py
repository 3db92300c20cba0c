from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import (
    answer_as_admin,
    end_participation,
    invite_called,
    set_may_create_tasks,
    withdraw_invitation,
)
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE
from apps.collaborations.serializers import (
    InvitationRequestSerializer,
    ParticipationSerializer,
    SendingRequestSerializer,
)
from ptm_site.filters import IdFilter
from ptm_site.objects import body_of, found, named, require
from ptm_site.requests import actor_of, user_of
from ptm_site.schema import CONFLICT


class ParticipationFilter(django_filters.FilterSet):
    collaboration = IdFilter()
    organization = IdFilter()
    status = django_filters.ChoiceFilter(choices=ParticipationStatus.choices)

    class Meta:
        model = Participation
        fields = ("collaboration", "organization", "status")


class ParticipationViewSet(ReadOnlyModelViewSet[Participation]):
    """Who takes part where, and the invitations that concern you."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN, "PATCH": TokenScope.ADMIN}
    serializer_class = ParticipationSerializer
    queryset = Participation.objects.none()
    filterset_class = ParticipationFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        return Participation.objects.visible_to(user_of(self.request)).select_related(
            "organization", "collaboration"
        )

    @extend_schema(
        request=InvitationRequestSerializer,
        responses={201: ParticipationSerializer, 409: CONFLICT},
    )
    def create(self, request: Request) -> Response:
        """Invite an organization to a collaboration that you manage."""
        user = user_of(request)
        fields = body_of(request, InvitationRequestSerializer)
        collaboration = named(
            Collaboration.objects.visible_to(user),
            fields["collaboration"],
            "collaboration",
        )
        require(Collaboration.objects.permitted_to(user, MANAGE), collaboration)
        participation = invite_called(
            collaboration=collaboration,
            name=fields["organization_name"],
            field="organization_name",
            asker=user,
        )
        return Response(self._shown(participation.pk), status=201)

    @extend_schema(
        request=SendingRequestSerializer,
        responses={200: ParticipationSerializer, 409: CONFLICT},
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Say whether the organization's people may send tasks here."""
        participation = self._managed(pk)
        set_may_create_tasks(
            participation=participation,
            allowed=body_of(request, SendingRequestSerializer)["may_create_tasks"],
            actor=actor_of(request),
        )
        return Response(ParticipationSerializer(participation).data)

    @extend_schema(
        request=None, responses={200: ParticipationSerializer, 409: CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: int) -> Response:
        """Take part: only the organization's own admin can."""
        return self._answered(pk, ParticipationStatus.ACCEPTED)

    @extend_schema(
        request=None, responses={200: ParticipationSerializer, 409: CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: int) -> Response:
        """Decline an invitation: only the organization's own admin can."""
        return self._answered(pk, ParticipationStatus.DECLINED)

    @extend_schema(
        request=None, responses={200: ParticipationSerializer, 409: CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take back an invitation that nobody has answered."""
        participation = self._managed(pk)
        withdraw_invitation(participation=participation, actor=actor_of(request))
        return Response(ParticipationSerializer(participation).data)

    @extend_schema(
        request=None, responses={200: ParticipationSerializer, 409: CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: int) -> Response:
        """End taking part: the organization's own admin, or the collaboration's."""
        participation: Participation = found(self.get_queryset(), pk)
        end_participation(participation=participation, user=user_of(request))
        return Response(ParticipationSerializer(participation).data)

    def _managed(self, pk: int) -> Participation:
        participation: Participation = found(self.get_queryset(), pk)
        managed = Collaboration.objects.permitted_to(user_of(self.request), MANAGE)
        require(managed, participation.collaboration)
        return participation

    def _answered(self, pk: int, answer: ParticipationStatus) -> Response:
        participation: Participation = found(self.get_queryset(), pk)
        answer_as_admin(
            participation=participation, answer=answer, admin=user_of(self.request)
        )
        return Response(self._shown(pk))

    def _shown(self, pk: int) -> Any:
        return ParticipationSerializer(found(self.get_queryset(), pk)).data
