from typing import Any, ClassVar

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.permissions import Scopes
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE
from apps.collaborations.serializers import (
    AdminsRequestSerializer,
    CollaborationRequestSerializer,
    CollaborationSerializer,
    PolicyRequestSerializer,
)
from apps.collaborations.services import (
    archive_collaboration,
    create_collaboration,
    set_collaboration_admins,
    update_collaboration,
)
from apps.errors import Invalid
from ptm_site.objects import body_of, found, require
from ptm_site.requests import actor_of, require_platform_admin, user_of
from ptm_site.schema import CONFLICT

POLICY = ("purpose", "visibility", "deadline_days", "expires_at", "open_tasks_per_user")


class CollaborationViewSet(ReadOnlyModelViewSet[Collaboration]):
    """What your organizations take part in or are invited to, and what you manage."""

    scopes: ClassVar[Scopes] = dict.fromkeys(("POST", "PATCH", "PUT"), TokenScope.ADMIN)
    serializer_class = CollaborationSerializer
    queryset = Collaboration.objects.none()
    filterset_fields = ("name",)
    lookup_value_converter = "int"

    def get_queryset(self) -> Any:
        user = user_of(self.request)
        shown = Participation.objects.shown_to(user).select_related("organization")
        return Collaboration.objects.readable_by(user).prefetch_related(
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
        request=PolicyRequestSerializer,
        responses={200: CollaborationSerializer, 409: CONFLICT},
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change the policy; tasks that exist keep what they were sent with."""
        collaboration = self._managed(pk)
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

    @extend_schema(
        request=None, responses={200: CollaborationSerializer, 409: CONFLICT}
    )
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: int) -> Response:
        """End it for good: nothing new and no change; what was there stays."""
        archive_collaboration(collaboration=self._managed(pk), actor=actor_of(request))
        return Response(self._shown(pk))

    def _managed(self, pk: int) -> Collaboration:
        collaboration: Collaboration = found(self.get_queryset(), pk)
        managed = Collaboration.objects.permitted_to(user_of(self.request), MANAGE)
        require(managed, collaboration)
        return collaboration

    def _shown(self, pk: int) -> Any:
        return CollaborationSerializer(found(self.get_queryset(), pk)).data


def _people(ids: list[int]) -> list[User]:
    """The people whom a platform admin, who knows everybody, names by their ids."""
    people = User.objects.in_bulk(ids)
    for pk in ids:
        if pk not in people:
            raise Invalid("people", "person_unknown", f"There is no person {pk}.")
    return list(people.values())
