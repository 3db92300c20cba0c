"""Errors outside every view: problem+json below /api/, a page elsewhere."""

import sys

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from ptm_site.pages import incident_page, not_found_page, refusal_page
from ptm_site.problems import INTERNAL, MEDIA_TYPE, log_incident, problem_members


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _of_api(request):
        return _problem(400, "bad_request", "The request is not well formed.")
    return refusal_page(request, 400, "The request is not well formed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _of_api(request):
        return _problem(404, "not_found", "There is nothing here.")
    return not_found_page(request)


def server_error(request: HttpRequest) -> HttpResponseBase:
    incident = log_incident(sys.exception())
    if _of_api(request):
        return _problem(500, "internal", INTERNAL, incident=incident)
    return incident_page(incident)


def _of_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _problem(status: int, code: str, detail: str, **members: object) -> JsonResponse:
    body = problem_members(status, code, detail, **members)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
