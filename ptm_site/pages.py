"""What all pages share: who looks, and what they see when something is refused."""

from collections.abc import Callable
from http import HTTPStatus

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from apps.accounts.models import User
from apps.errors import Refusal
from ptm_site.problems import Fault

Respond = Callable[[HttpRequest], HttpResponseBase]

HINTS = {
    404: "The address may be mistyped, or what it named is not yours to see.",
    405: "It is where a form is sent to. Nothing was changed.",
}


def reader_of(request: HttpRequest) -> User:
    """Return the person who looks at a page; LoginRequiredMiddleware let them in."""
    if not isinstance(request.user, User):
        raise PermissionError("A page was reached without signing in")
    return request.user


def of_api(request: HttpRequest) -> bool:
    """Whether a script asks, which is answered with problem+json."""
    return request.path.startswith("/api/")


def refusal_page(
    request: HttpRequest,
    status: int,
    detail: str,
    *,
    hint: str = "",
    way: tuple[str, str] = ("To the dashboard", "/"),
) -> HttpResponse:
    """One sentence and one way on; the same page for foreign and for missing things."""
    context = {"status": status, "detail": detail, "hint": hint or HINTS.get(status)}
    context["way"], context["way_to"] = way
    return render(request, "error.html", context, status=status)


def where_it_was_sent(request: HttpRequest) -> str:
    """The page of ours on which a form was filled in, as far as the browser says."""
    page = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()})
    return page if ours else request.path


class PageRefusals:
    """Shows a Refusal that a page's view raises, as the API does in its own form."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not of_api(request):
            # Reached after signing in again, when a form was sent meanwhile.
            page = refusal_page(request, 405, "This address is not a page.")
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponseBase | None:
        if not isinstance(error, Refusal):
            return None
        return refusal_page(request, error.status, error.detail)


def not_found_page(request: HttpRequest) -> HttpResponseBase:
    """Strangers are asked to sign in: they learn nothing about which addresses are."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    return refusal_page(request, 404, "There is nothing here.")


def incident_page(incident: str, fault: Fault) -> HttpResponse:
    """Whatever broke may break here too: no request, no database, no context."""
    away = fault.status == HTTPStatus.SERVICE_UNAVAILABLE
    context = {"incident": incident, "status": fault.status, "away": away}
    page = render_to_string("incident.html", context)
    return HttpResponse(page, status=fault.status)
