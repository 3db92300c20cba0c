from typing import Any, ClassVar

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.permissions import Scopes
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE
from apps.collaborations.serializers import (
    AdminsRequestSerializer,
    CollaborationRequestSerializer,
    CollaborationSerializer,
    InvitationRequestSerializer,
    ParticipationSerializer,
    PolicyRequestSerializer,
)
from apps.collaborations.services import (
    answer_as_admin,
    create_collaboration,
    end_participation,
    invite_organization,
    set_collaboration_admins,
    update_collaboration,
    withdraw_invitation,
)
from apps.errors import Invalid
from apps.organizations.selectors import organization_called
from ptm_site.filters import IdFilter
from ptm_site.objects import body_of, found, named, require
from ptm_site.requests import actor_of, require_platform_admin, user_of
from ptm_site.schema import CONFLICT

POLICY = ("purpose", "visibility", "deadline_days")


class CollaborationViewSet(ReadOnlyModelViewSet[Collaboration]):
    """The collaborations that your organizations take part in, or that you manage."""

    scopes: ClassVar[Scopes] = dict.fromkeys(("POST", "PATCH", "PUT"), TokenScope.ADMIN)
    serializer_class = CollaborationSerializer
    queryset = Collaboration.objects.none()
    filterset_fields = ("name",)
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        shown = Participation.objects.shown_to(user).select_related("organization")
        return Collaboration.objects.visible_to(user).prefetch_related(
            "admins", Prefetch("participations", queryset=shown)
        )

    @extend_schema(
        request=CollaborationRequestSerializer,
        responses={201: CollaborationSerializer},
    )
    def create(self, request: Request) -> Response:
        """Create a collaboration. For platform admins."""
        require_platform_admin(request)
        fields = body_of(request, CollaborationRequestSerializer)
        collaboration = create_collaboration(**fields, actor=actor_of(request))
        return Response(self._shown(collaboration.pk), status=201)

    @extend_schema(
        request=PolicyRequestSerializer, responses={200: CollaborationSerializer}
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change the policy; tasks that exist keep what they were sent with."""
        collaboration: Collaboration = found(self.get_queryset(), pk)
        managed = Collaboration.objects.permitted_to(user_of(request), MANAGE)
        require(managed, collaboration)
        present = {name: getattr(collaboration, name) for name in POLICY}
        update_collaboration(
            collaboration=collaboration,
            **{**present, **body_of(request, PolicyRequestSerializer)},
            actor=actor_of(request),
        )
        return Response(self._shown(pk))

    @extend_schema(
        request=AdminsRequestSerializer, responses={200: CollaborationSerializer}
    )
    @action(detail=True, methods=["put"])
    def admins(self, request: Request, pk: int) -> Response:
        """Choose who manages the collaboration. For platform admins."""
        collaboration: Collaboration = found(self.get_queryset(), pk)
        require_platform_admin(request)
        set_collaboration_admins(
            collaboration=collaboration,
            admins=_people(body_of(request, AdminsRequestSerializer)["people"]),
            actor=actor_of(request),
        )
        return Response(self._shown(pk))

    def _shown(self, pk: int) -> Any:
        return CollaborationSerializer(found(self.get_queryset(), pk)).data


def _people(ids: list[int]) -> list[User]:
    """The people whom a platform admin, who knows everybody, names by their ids."""
    people = User.objects.in_bulk(ids)
    for pk in ids:
        if pk not in people:
            raise Invalid("people", "person_unknown", f"There is no person {pk}.")
    return list(people.values())


class ParticipationFilter(django_filters.FilterSet):
    collaboration = IdFilter()
    organization = IdFilter()
    status = django_filters.ChoiceFilter(choices=ParticipationStatus.choices)

    class Meta:
        model = Participation
        fields = ("collaboration", "organization", "status")


class ParticipationViewSet(ReadOnlyModelViewSet[Participation]):
    """Who takes part where, and the invitations that concern you."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
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
        participation = invite_organization(
            collaboration=collaboration,
            organization=organization_called(
                fields["organization_name"], field="organization_name"
            ),
            actor=actor_of(request),
        )
        return Response(self._shown(participation.pk), status=201)

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
        participation: Participation = found(self.get_queryset(), pk)
        managed = Collaboration.objects.permitted_to(user_of(request), MANAGE)
        require(managed, participation.collaboration)
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

    def _answered(self, pk: int, answer: ParticipationStatus) -> Response:
        participation: Participation = found(self.get_queryset(), pk)
        answer_as_admin(
            participation=participation, answer=answer, admin=user_of(self.request)
        )
        return Response(self._shown(pk))

    def _shown(self, pk: int) -> Any:
        return ParticipationSerializer(found(self.get_queryset(), pk)).data
