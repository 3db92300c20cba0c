"""Members of collaborations as CSV by the API: taken away, and brought in."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from apps.accounts.permissions import Scopes
from apps.collaborations.api_participations import ParticipationFilter
from apps.collaborations.importing import (
    export_participations,
    import_marked,
    preview_participations,
)
from apps.collaborations.member_rows import COLUMNS
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE, CollaborationQuerySet
from apps.collaborations.serializers import ParticipationsImportSerializer
from apps.csv_files import read_file
from apps.csv_imports import mark_of, refuse_wrong
from apps.errors import Forbidden
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


class ParticipationsExport(GenericAPIView[Participation]):
    queryset = Participation.objects.none()
    filterset_class = ParticipationFilter
    content_negotiation_class = OneForm

    def get_queryset(self) -> Any:
        found = Participation.objects.managed_by(user_of(self.request))
        return found.select_related("collaboration", "organization").order_by(
            "collaboration__name", "organization__name"
        )

    @extend_schema(filters=True, responses=EXPORTED)
    def get(self, request: Request) -> HttpResponse:
        """Take away the members of the collaborations that you manage."""
        reader = user_of(request)
        _require_any(Collaboration.objects.permitted_to(reader, MANAGE))
        found: Any = self.filter_queryset(self.get_queryset())
        response = unkept()
        if request.method == "GET":
            text = export_participations(reader=reader, participations=found)
            response.write(text)
        return response


class ParticipationsImport(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.ADMIN}
    parser_classes = (CSVParser,)

    @extend_schema(
        request={CSV: OpenApiTypes.STR},
        parameters=[AGREED],
        responses={200: ParticipationsImportSerializer, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Show what a file of members would do; with `agreed`, do what was shown.

        Who does not take part is invited, and its own admin answers.
        """
        reader = user_of(request)
        _require_any(Collaboration.objects.changeable_by(reader))
        rows = read_file(content_of(request), COLUMNS)
        mark = request.query_params.get("agreed")
        if mark is None:
            lines = preview_participations(reader=reader, rows=rows)
            refuse_wrong(lines)
        else:
            lines = import_marked(reader=reader, rows=rows, mark=mark)
        agreed = mark or mark_of(rows, lines)
        said = {"done": mark is not None, "agreed": agreed, "lines": lines}
        return Response(ParticipationsImportSerializer(said).data)


def _require_any(managed: CollaborationQuerySet) -> None:
    """Refused before the body is read: what it names is told to nobody else."""
    if not managed.exists():
        raise Forbidden("Only an admin of a collaboration may do this.")
