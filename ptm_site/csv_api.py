"""What the API's exports and imports of CSV have in common."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from apps.csv_files import BYTES_AT_MOST
from ptm_site.schema import CONFLICT, FORBIDDEN, problem_response

CSV = "text/csv"
EXPORTED = {(200, CSV): OpenApiTypes.STR, 403: FORBIDDEN}
REFUSED = {
    409: CONFLICT,
    415: problem_response("The body's media type is not text/csv."),
}
AGREED = OpenApiParameter(
    "agreed", str, description="The preview's `agreed`: do what it has shown."
)


class CSVParser(BaseParser):
    """The bytes as they are, of a file that is too large no more than shows it."""

    media_type = CSV

    def parse(self, stream: Any, media_type: Any = None, context: Any = None) -> Any:
        return stream.read(BYTES_AT_MOST + 1)


class LineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(source="number", help_text="Where in the file.")


class ImportSerializer(serializers.Serializer[Any]):
    done = serializers.BooleanField()
    agreed = serializers.CharField(
        help_text="Send the file again with `?agreed=` and this to have it done."
    )


def content_of(request: Request) -> bytes:
    content: Any = request.data  # a mapping where there is no body at all
    return content if isinstance(content, bytes) else b""


def unkept() -> HttpResponse:
    """An empty file that no cache keeps."""
    response = HttpResponse(content_type=f"{CSV}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
