"""What all pages share: who looks, and what they see when something is refused."""

from collections.abc import Callable

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string

from apps.accounts.models import User
from apps.errors import Refusal

Respond = Callable[[HttpRequest], HttpResponseBase]


def reader_of(request: HttpRequest) -> User:
    """Return the person who looks at a page; LoginRequiredMiddleware let them in."""
    if not isinstance(request.user, User):
        raise PermissionError("A page was reached without signing in")
    return request.user


def refusal_page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """One sentence and one way on; the same page for foreign and for missing things."""
    context = {"status": status, "detail": detail}
    return render(request, "error.html", context, status=status)


class PageRefusals:
    """Shows a Refusal that a page's view raises, as the API does in its own form."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

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


def incident_page(incident: str) -> HttpResponse:
    """Whatever broke may break here too: no request, no database, no context."""
    page = render_to_string("incident.html", {"incident": incident})
    return HttpResponse(page, status=500)
