"""What a node asks of the server about itself: docs/node-protocol.md."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.throttling import count_failure, refuse_after_failures
from apps.errors import Refusal
from apps.nodes.authentication import (
    IsNode,
    NodeAuthentication,
    NodePrincipal,
    check_instance,
    check_protocol,
)
from apps.nodes.models import Node
from apps.nodes.services import enrol_node, record_goodbye

ENROLMENT_DOOR = "enrolment"


class NodeView(APIView):
    """A request of an enrolled node's newest instance."""

    authentication_classes = (NodeAuthentication,)
    permission_classes = (IsNode,)
    instance_known = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_protocol(request)
        if self.instance_known:
            check_instance(request, self.node)

    @property
    def node(self) -> Node:
        principal = self.request.user
        if not isinstance(principal, NodePrincipal):
            raise NotAuthenticated
        return principal.node


class EnrolmentSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=100)
    key_prefix = serializers.RegexField(r"^[0-9a-f]{12}$")
    key_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class EnrolView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        refuse_after_failures(request._request, ENROLMENT_DOOR)
        data = EnrolmentSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        fields = data.validated_data
        try:
            node, created = enrol_node(code_text=fields.pop("code"), **fields)
        except Refusal:
            count_failure(request._request, ENROLMENT_DOOR)
            raise
        organization = node.organization
        return Response(
            {
                "node": node.pk,
                "name": node.name,
                "organization": {"id": organization.pk, "name": organization.name},
            },
            status=201 if created else 200,
        )


class GoodbyeView(NodeView):
    def post(self, request: Request) -> Response:
        record_goodbye(node=self.node)
        return Response(status=204)


class MeView(NodeView):
    """Who the server takes the node for; asking changes nothing, in any instance."""

    instance_known = False

    def get(self, request: Request) -> Response:
        node = self.node
        organization = node.organization
        return Response(
            {
                "node": node.pk,
                "name": node.name,
                "organization": {"id": organization.pk, "name": organization.name},
                "boot": node.boot,
            }
        )
