"""Members as CSV by the API: taken away, and brought in after a preview."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.permissions import Scopes
from apps.csv_files import read_file
from apps.csv_imports import mark_of, refuse_wrong
from apps.errors import Forbidden
from apps.organizations.api import MembershipFilter
from apps.organizations.importing import export_members, import_marked, preview_members
from apps.organizations.member_rows import COLUMNS
from apps.organizations.models import Membership, Organization
from apps.organizations.serializers import MembersImportSerializer
from ptm_site.csv_api import (
    AGREED,
    CSV,
    EXPORTED,
    REFUSED,
    CSVParser,
    content_of,
    unkept,
)
from ptm_site.negotiation import OneForm
from ptm_site.requests import user_of


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

    @extend_schema(filters=True, responses=EXPORTED)
    def get(self, request: Request) -> HttpResponse:
        """Take away the members of the organizations whose people you manage."""
        reader = _manager(request)
        found = self.filter_queryset(self.get_queryset())
        response = unkept()
        if request.method == "GET":
            response.write(export_members(reader=reader, memberships=found))
        return response


class MembersImport(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    parser_classes = (CSVParser,)

    @extend_schema(
        request={CSV: OpenApiTypes.STR},
        parameters=[AGREED],
        responses={200: MembersImportSerializer, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Show what a file of members would do; with `agreed`, do what was shown."""
        reader = _manager(request)
        rows = read_file(content_of(request), COLUMNS)
        mark = request.query_params.get("agreed")
        if mark is None:
            lines = preview_members(reader=reader, rows=rows)
            refuse_wrong(lines)
            shown = {"done": False, "agreed": mark_of(rows, lines), "lines": lines}
            return Response(MembersImportSerializer({**shown, "passwords": []}).data)
        lines, admitted = import_marked(reader=reader, rows=rows, mark=mark)
        done = {"done": True, "agreed": mark, "lines": lines, "passwords": admitted}
        return Response(MembersImportSerializer(done).data)


def _manager(request: Request) -> User:
    """Refused before the body is read: what it names is told to nobody else."""
    user = user_of(request)
    if not Organization.objects.permitted_to(user, "manage_members").exists():
        raise Forbidden("Only an admin of an organization may do this.")
    return user
