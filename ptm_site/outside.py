"""Errors outside every view: below /api/ they are problem+json like the others."""

import sys

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults

from ptm_site.problems import INTERNAL, MEDIA_TYPE, log_incident, problem_members


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _of_api(request):
        return _problem(400, "bad_request", "The request is not well formed.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _of_api(request):
        return _problem(404, "not_found", "There is nothing here.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _of_api(request):
        incident = log_incident(sys.exception())
        return _problem(500, "internal", INTERNAL, incident=incident)
    return defaults.server_error(request)


def _of_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _problem(status: int, code: str, detail: str, **members: object) -> JsonResponse:
    body = problem_members(status, code, detail, **members)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
