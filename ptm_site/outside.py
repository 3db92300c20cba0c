"""Errors outside every view: problem+json below /api/, a page elsewhere."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from ptm_site.pages import (
    incident_page,
    not_found_page,
    of_api,
    refusal_page,
    where_it_was_sent,
)
from ptm_site.problems import MEDIA_TYPE, fault_of, log_incident, problem_members


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if isinstance(exception, RequestDataTooBig):
        return _refused(request, 413, "too_large", "That is more than a form may hold.")
    return _refused(request, 400, "bad_request", "The request is not well formed.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _refused(request, 403, "permission_denied", "You may not do this.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open across a sign-in, or a browser without cookies."""
    return refusal_page(
        request,
        403,
        "Nothing was sent: the form is out of date.",
        hint="You have signed in or out since it was opened, or your browser keeps"
        " no cookies. Open it again and send it once more.",
        way=("Open it again", where_it_was_sent(request)),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if of_api(request):
        return _problem(404, "not_found", "There is nothing here.")
    return not_found_page(request)


def too_many(request: HttpRequest) -> HttpResponse:
    return refusal_page(
        request,
        429,
        "Too many attempts: wait a minute.",
        hint="Attempts are counted for a few minutes, so that nobody can guess"
        " passwords. Nothing is locked.",
        way=("Try again", request.path),
    )


def server_error(request: HttpRequest) -> HttpResponseBase:
    error = sys.exception()
    incident, fault = log_incident(error), fault_of(error)
    if of_api(request):
        response: HttpResponse = _problem(*fault, incident=incident)
    else:
        response = incident_page(incident, fault)
    for name, value in fault.headers.items():
        response[name] = value
    return response


def _refused(
    request: HttpRequest, status: int, code: str, detail: str
) -> HttpResponseBase:
    if of_api(request):
        return _problem(status, code, detail)
    return refusal_page(request, status, detail)


def _problem(status: int, code: str, detail: str, **members: object) -> JsonResponse:
    body = problem_members(status, code, detail, **members)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
