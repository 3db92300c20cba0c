"""What the OpenAPI document leaves out, and the answers that many endpoints share."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.AccessTokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


NODE_PREFIX = "/api/v1/node/"


def without_node_endpoints(endpoints: list[Any]) -> list[Any]:
    """Nodes speak by docs/node-protocol.md; the document is for people's scripts."""
    return [entry for entry in endpoints if not entry[0].startswith(NODE_PREFIX)]


PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(),
        "code": serializers.CharField(),
        "errors": serializers.DictField(
            child=serializers.ListField(child=serializers.CharField()), required=False
        ),
    },
)


def problem_response(description: str) -> OpenApiResponse:
    return OpenApiResponse(PROBLEM, description=description)


NOT_FOUND = problem_response("Not there, or not yours to see.")
FORBIDDEN = problem_response("Your role does not allow it.")
CONFLICT = problem_response("The object's state does not allow it.")
INVALID = problem_response("A field is wrong; `errors` names it.")
