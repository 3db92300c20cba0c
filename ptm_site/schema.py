"""What the OpenAPI document leaves out, and what it says of every endpoint alike."""

from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from ptm_site.negotiation import OneForm
from ptm_site.objects import KnownFieldsOnly
from ptm_site.problems import MEDIA_TYPE


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.AccessTokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class Document(SchemaGenerator):
    """Looks through all views at the first question: everybody is told the same."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return _document()


@cache
def _document() -> Any:
    return SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]


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


MALFORMED = problem_response("The request is not well formed.")
UNAUTHENTICATED = problem_response("No token, or one that is unknown or expired.")
FORBIDDEN = problem_response("Your role or the token's scope does not allow it.")
NOT_FOUND = problem_response("Not there, or not yours to see.")
NOT_ACCEPTABLE = problem_response("The answer is JSON, which `Accept` excludes.")
CONFLICT = problem_response("The object's state does not allow it.")
TOO_LARGE = problem_response("The body is too large.")
NOT_JSON = problem_response("The body's media type is not application/json.")
INVALID = problem_response("A field is wrong; `errors` names it.")
THROTTLED = problem_response("Too many requests; `Retry-After` says how long to wait.")
OF_BODIES = {400: MALFORMED, 413: TOO_LARGE, 415: NOT_JSON, 422: INVALID}


class TrueSchema(AutoSchema):
    """Adds the refusals that an operation shares with all of its kind."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = dict(super()._get_response_bodies(direction))
        for status, response in self._shared_refusals().items():
            if str(status) not in bodies:
                code = str(status)
                bodies[code] = self._get_response_for_code(response, code)
        return dict(sorted(bodies.items()))

    def _shared_refusals(self) -> dict[int, OpenApiResponse]:
        shared = {429: THROTTLED}
        if AllowAny not in self.view.permission_classes:
            shared[401] = UNAUTHENTICATED
        if self.view.content_negotiation_class is not OneForm:
            shared[406] = NOT_ACCEPTABLE
        if self.method not in ("GET", "HEAD"):
            shared[403] = FORBIDDEN
        if self._get_request_body():  # type: ignore[no-untyped-call]
            shared |= OF_BODIES
        if "{" in self.path or self._is_list_view():  # by an id, or by a cursor
            shared[404] = NOT_FOUND
        if self._get_filter_parameters():  # type: ignore[no-untyped-call]
            shared[422] = INVALID
        return shared

    def _postprocess_serializer_schema(
        self, schema: dict[str, Any], serializer: Any, direction: Any
    ) -> Any:
        if isinstance(serializer, KnownFieldsOnly):
            schema["additionalProperties"] = False
        return super()._postprocess_serializer_schema(  # type: ignore[no-untyped-call]
            schema, serializer, direction
        )

    def _get_response_for_code(
        self,
        serializer: Any,
        status_code: str,
        media_types: Any = None,
        direction: Any = "response",
    ) -> Any:
        if status_code >= "400":
            media_types = [MEDIA_TYPE]
        return super()._get_response_for_code(  # type: ignore[no-untyped-call]
            serializer, status_code, media_types, direction
        )
