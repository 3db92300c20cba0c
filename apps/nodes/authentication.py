import re
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.throttling import count_failure, refuse_after_failures
from apps.errors import Refusal
from apps.nodes.choices import PROTOCOLS
from apps.nodes.keys import Key
from apps.nodes.models import Node
from apps.nodes.services import superseded
from apps.prepared import Prepared

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
    for node in _known.objects(prefix=key.prefix):  # one, if any
        if key.matches(node.key_sha256):
            return cast(Node, node)
    return None


# Asked with each word of each node, and again before each hint.
_known = Prepared(lambda prefix: Node.objects.filter(key_prefix=prefix).order_by())


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
    """Refuse a node that speaks no protocol of ours, and say which side to update."""
    spoken = request.headers.get("PTM-Protocol", "")
    if spoken in map(str, PROTOCOLS):
        return
    oldest, newest = PROTOCOLS[0], PROTOCOLS[-1]
    ours = f"{oldest}" if oldest == newest else f"{oldest} to {newest}"
    is_newer = re.fullmatch("[0-9]{1,9}", spoken) and int(spoken) > newest
    raise Refusal(
        "protocol_unsupported",
        f"This server speaks node protocol {ours}, the node {spoken or 'none'}:"
        f" update the {'server' if is_newer else 'node'}.",
        status=426,
    )


def check_instance(request: Request, node: Node) -> None:
    """Refuse every start of the daemon but the newest."""
    instance = request.headers.get("PTM-Instance", "")
    if node.instance is None or instance != str(node.instance):
        raise superseded()
