"""Members as CSV by the API: taken away, and brought in after a preview."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.permissions import Scopes
from apps.errors import Forbidden
from apps.organizations.api import MembershipFilter
from apps.organizations.importing import (
    export_members,
    import_marked,
    mark_of,
    preview_members,
    refuse_wrong,
)
from apps.organizations.member_files import BYTES_AT_MOST, read_members
from apps.organizations.models import Membership, Organization
from apps.organizations.serializers import ImportSerializer
from ptm_site.negotiation import OneForm
from ptm_site.requests import user_of
from ptm_site.schema import CONFLICT, FORBIDDEN, problem_response

CSV = "text/csv"
NOT_CSV = problem_response("The body's media type is not text/csv.")
AGREED = OpenApiParameter(
    "agreed", str, description="The preview's `agreed`: do what it has shown."
)


class CSVParser(BaseParser):
    """The bytes as they are, of a file that is too large no more than shows it."""

    media_type = CSV

    def parse(self, stream: Any, media_type: Any = None, context: Any = None) -> Any:
        return stream.read(BYTES_AT_MOST + 1)


class MembersExport(GenericAPIView[Membership]):
    queryset = Membership.objects.none()
    filterset_class = MembershipFilter
    content_negotiation_class = OneForm

    def get_queryset(self) -> Any:
        managed = Organization.objects.permitted_to(
            user_of(self.request), "manage_members"
        )
        found = Membership.objects.filter(organization__in=managed)
        return found.select_related("user", "organization").order_by(
            "organization__name", "user__username"
        )

    @extend_schema(
        filters=True,
        responses={(200, CSV): OpenApiTypes.STR, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> HttpResponse:
        """Take away the members of the organizations whose people you manage."""
        reader = _manager(request)
        found = self.filter_queryset(self.get_queryset())
        response = HttpResponse(content_type=f"{CSV}; charset=utf-8")
        response["Cache-Control"] = "no-store"
        if request.method == "GET":
            response.write(export_members(reader=reader, memberships=found))
        return response


class MembersImport(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    parser_classes = (CSVParser,)

    @extend_schema(
        request={CSV: OpenApiTypes.STR},
        parameters=[AGREED],
        responses={200: ImportSerializer, 409: CONFLICT, 415: NOT_CSV},
    )
    def post(self, request: Request) -> Response:
        """Show what a file of members would do; with `agreed`, do what was shown."""
        reader = _manager(request)
        content: Any = request.data  # a mapping where there is no body at all
        rows = read_members(content if isinstance(content, bytes) else b"")
        mark = request.query_params.get("agreed")
        if mark is None:
            lines = preview_members(reader=reader, rows=rows)
            refuse_wrong(lines)
            shown = {"done": False, "agreed": mark_of(rows, lines), "lines": lines}
            return Response(ImportSerializer({**shown, "passwords": []}).data)
        lines, admitted = import_marked(reader=reader, rows=rows, mark=mark)
        done = {"done": True, "agreed": mark, "lines": lines, "passwords": admitted}
        return Response(ImportSerializer(done).data)


def _manager(request: Request) -> User:
    """Refused before the body is read: what it names is told to nobody else."""
    user = user_of(request)
    if not Organization.objects.permitted_to(user, "manage_members").exists():
        raise Forbidden("Only an admin of an organization may do this.")
    return user
