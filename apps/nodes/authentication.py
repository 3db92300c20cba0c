from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.throttling import count_failure, refuse_after_failures
from apps.errors import Refusal
from apps.nodes.choices import PROTOCOL
from apps.nodes.keys import Key
from apps.nodes.models import Node
from apps.nodes.services import superseded

DOOR = "node"
SCHEME = "Node "


@dataclass(frozen=True)
class NodePrincipal:
    """Stands in `request.user` for a node: signed in, and no person."""

    node: Node
    is_authenticated: bool = True
    is_active: bool = True


def find_node(authorization: str) -> Node | None:
    """Return the node whose key the header carries, revoked ones included."""
    key = Key.parse(authorization.removeprefix(SCHEME))
    if key is None or key.kind != "ptmn":
        return None
    node = (
        Node.objects.select_related("organization")
        .filter(key_prefix=key.prefix)
        .first()
    )
    return node if node is not None and key.matches(node.key_sha256) else None


class NodeAuthentication(BaseAuthentication):
    """`Authorization: Node ptmn_…`; wrong keys slow their address down."""

    def authenticate(self, request: Request) -> tuple[NodePrincipal, Node] | None:
        header = request.headers.get("Authorization", "")
        if not header.startswith(SCHEME):
            return None
        http_request: HttpRequest = request._request
        refuse_after_failures(http_request, DOOR)
        node = find_node(header)
        if node is None:
            count_failure(http_request, DOOR)
            raise AuthenticationFailed("The node's key is unknown.")
        if node.revoked_at is not None:
            raise AuthenticationFailed("The node was revoked.", code="node_revoked")
        return NodePrincipal(node), node

    def authenticate_header(self, request: Request) -> str:
        return "Node"


class IsNode(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, NodePrincipal)


def check_protocol(request: Request) -> None:
    """Refuse a node that speaks another version of the protocol."""
    spoken = request.headers.get("PTM-Protocol", "")
    if spoken != str(PROTOCOL):
        raise Refusal(
            "protocol_unsupported",
            f"This server speaks node protocol {PROTOCOL}, the node {spoken or 'none'}:"
            " update the older of the two.",
            status=426,
        )


def check_instance(request: Request, node: Node) -> None:
    """Refuse every start of the daemon but the newest."""
    instance = request.headers.get("PTM-Instance", "")
    if node.instance is None or instance != str(node.instance):
        raise superseded()
