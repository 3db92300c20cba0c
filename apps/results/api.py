from collections.abc import Iterator
from typing import Any

import zipstream
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit.actors import Actor
from apps.results.choices import DownloadForm
from apps.results.filters import ResultFilter
from apps.results.models import Result
from apps.results.preview import preview_of
from apps.results.serializers import PreviewSerializer, ResultSerializer
from apps.results.services import record_downloads, record_part
from apps.results.streams import blocks_of, file_response, streamed
from apps.results.visible import result_or_404
from apps.tasks.visible import task_or_404
from ptm_site.negotiation import OneForm
from ptm_site.requests import user_of

BINARY = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class ResultList(ListAPIView[Result]):
    serializer_class = ResultSerializer
    filterset_class = ResultFilter
    queryset = Result.objects.none()

    def get_queryset(self) -> Any:
        return Result.objects.visible_to(self.request.user).select_related(
            "run__organization"
        )


class ResultDetail(RetrieveAPIView[Result]):
    serializer_class = ResultSerializer
    queryset = Result.objects.none()

    def get_object(self) -> Result:
        return result_or_404(user_of(self.request), self.kwargs["pk"])


class ResultDownload(APIView):
    content_negotiation_class = OneForm

    @extend_schema(responses={**BINARY, 206: OpenApiResponse(OpenApiTypes.BINARY)})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Download the bytes; `Range` is honoured, so a download can be resumed."""
        result = result_or_404(user_of(request), pk)
        response = file_response(request._request, result.file, result.size)
        _record_file(request, result, resumed=not _from_the_start(response))
        # Never rendered by a browser: the bytes come from a stranger's image.
        response["Content-Type"] = "application/octet-stream"
        response["Content-Disposition"] = f'attachment; filename="{file_name(result)}"'
        response["ETag"] = f'"{result.sha256}"'
        return response


class ResultPreview(APIView):
    @extend_schema(responses={200: PreviewSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """Read a result's JSON, as far as it can be shown, or why it cannot."""
        result = result_or_404(user_of(request), pk)
        shown = preview_of(result)
        if not shown.reason and request.method != "HEAD":
            actor = Actor.user(user_of(request).pk)
            record_downloads(actor=actor, results=[result], form=DownloadForm.PREVIEW)
        return Response(PreviewSerializer(shown).data)


class TaskResultsZip(APIView):
    content_negotiation_class = OneForm

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Download the results of a task's current runs as one zip."""
        task = task_or_404(user_of(request), pk)
        results = list(
            Result.objects.visible_to(request.user)
            .filter(run__task=task, run__is_current=True)
            .select_related("run__task")
        )
        response = streamed(request._request, _zipped(results))
        if request.method != "HEAD":
            actor = Actor.user(user_of(request).pk)
            record_downloads(actor=actor, results=results, form=DownloadForm.ZIP)
        response["Content-Type"] = "application/zip"
        response["Content-Disposition"] = (
            f'attachment; filename="task-{task.pk}-results.zip"'
        )
        return response


def _zipped(results: list[Result]) -> Iterator[bytes]:
    archive = zipstream.ZipStream(compress_type=zipstream.ZIP_DEFLATED)
    for result in results:
        archive.add(blocks_of(result.file, 0, result.size), file_name(result))
    yield from archive


def file_name(result: Result) -> str:
    """Return a plain name: nothing in it comes from a user or an image."""
    suffix = "json" if result.media_type == "application/json" else "bin"
    return f"organization-{result.run.organization_id}-run-{result.run_id}.{suffix}"


def _from_the_start(response: HttpResponseBase) -> bool:
    return response.get("Content-Range", "bytes 0-").startswith("bytes 0-")


def _record_file(request: Request, result: Result, *, resumed: bool) -> None:
    if request.method == "HEAD":
        return
    actor = Actor.user(user_of(request).pk)
    if resumed:
        record_part(actor=actor, result=result)
    else:
        record_downloads(actor=actor, results=[result], form=DownloadForm.FILE)
