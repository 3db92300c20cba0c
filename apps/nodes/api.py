from typing import Any, ClassVar

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.collaborations.models import Collaboration
from apps.nodes.models import Enrolment, Node
from apps.nodes.serializers import EnrolmentCodeSerializer, NodeSerializer
from apps.nodes.services import give_back_runs, issue_enrolment_code, revoke_node
from apps.organizations.models import Organization
from ptm_site.filters import IdFilter
from ptm_site.objects import found, require
from ptm_site.requests import actor_of, user_of


class NodeFilter(django_filters.FilterSet):
    organization = IdFilter()

    class Meta:
        model = Node
        fields = ("organization",)


class NodeViewSet(ReadOnlyModelViewSet[Node]):
    """The nodes of the organizations that you may see, and what they release to you."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    serializer_class = NodeSerializer
    queryset = Node.objects.none()
    filterset_class = NodeFilter
    lookup_value_converter = "int"

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

    @extend_schema(request=None, responses={200: NodeSerializer})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: int) -> Response:
        """Shut a node out for good; what it held goes back into the queue."""
        revoke_node(node=self._own(request, pk), actor=actor_of(request))
        return Response(NodeSerializer(found(self.get_queryset(), pk)).data)

    @extend_schema(request=None, responses={200: NodeSerializer})
    @action(detail=True, methods=["post"], url_path="give-back")
    def give_back(self, request: Request, pk: int) -> Response:
        """Wait for a node no longer: what it holds goes back into the queue."""
        give_back_runs(node=self._own(request, pk), actor=actor_of(request))
        return Response(NodeSerializer(found(self.get_queryset(), pk)).data)

    def _own(self, request: Request, pk: int) -> Node:
        node: Node = found(self.get_queryset(), pk)
        own = Organization.objects.permitted_to(user_of(request), "manage_nodes")
        require(own, node.organization)
        return node


class EnrolmentCodes(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}

    @extend_schema(request=None, responses={201: EnrolmentCodeSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Issue a one-time code for one node: only the organization's own admin can."""
        user = user_of(request)
        organization = found(Organization.objects.visible_to(user), pk)
        code = issue_enrolment_code(organization=organization, issued_by=user)
        return Response(EnrolmentCodeSerializer({"code": code}).data, status=201)
