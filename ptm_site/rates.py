"""How many requests a minute the API takes from an address, a person and a token.

The address is counted before anything is looked up, so that refused requests count
too; person and token once they are known. The answer's headers tell of whichever has
the least left. Nodes are not counted: their requests are few, and are work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.accounts.models import AccessToken
from ptm_site.held import asked_again
from ptm_site.problems import MEDIA_TYPE, problem_members

PREFIX, NODES = "/api/v1/", "/api/v1/node/"
WINDOW_SECONDS = 60
# Of settings.REQUESTS_A_MINUTE: a person has several tokens, an address has people.
SHARES = {"token": 1, "person": 2, "address": 4}
TOO_MANY = "Too many requests: wait for {} s."


@dataclass(frozen=True)
class Rate:
    """What one of the three may do within the present minute."""

    limit: int
    left: int  # below 0: refused
    reset: int  # seconds


def count(kind: str, who: object) -> Rate:
    """Count one request."""
    window, elapsed = divmod(int(time()), WINDOW_SECONDS)
    key = f"rate:{kind}:{who}:{window}"
    cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
    try:
        used = cache.incr(key)
    except ValueError:  # forgotten between the two
        used = 1
    limit = settings.REQUESTS_A_MINUTE * SHARES[kind]
    return Rate(limit, limit - used, WINDOW_SECONDS - elapsed)


class PersonAndTokenRates(BaseThrottle):
    """For every view: what is known of the caller once it is signed in."""

    rate: Rate | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if not _counted(request._request) or not request.user.is_authenticated:
            return True
        rates = [count("person", request.user.pk)]
        if isinstance(request.auth, AccessToken):
            rates.append(count("token", request.auth.pk))
        self.rate = min(rates, key=lambda rate: rate.left)
        request._request.rates.append(self.rate)  # type: ignore[attr-defined]
        return self.rate.left >= 0

    def wait(self) -> float | None:
        return float(self.rate.reset) if self.rate else None


class RateLimits:
    """Middleware: counts the address, and tells in the answer what is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _counted(request):
            return self.get_response(request)
        rate = count("address", request.META.get("REMOTE_ADDR", ""))
        request.rates = [rate]  # type: ignore[attr-defined]
        response = _refusal(rate) if rate.left < 0 else self.get_response(request)
        least = min(request.rates, key=lambda rate: rate.left)  # type: ignore[attr-defined]
        response["RateLimit-Limit"] = str(least.limit)
        response["RateLimit-Remaining"] = str(max(0, least.left))
        response["RateLimit-Reset"] = str(least.reset)
        return response


def _counted(request: HttpRequest) -> bool:
    """A held request is asked again at every hint: that is not the client's doing."""
    of_people = request.path.startswith(PREFIX) and not request.path.startswith(NODES)
    return of_people and settings.REQUESTS_A_MINUTE > 0 and not asked_again(request)


def _refusal(rate: Rate) -> JsonResponse:
    body = problem_members(429, "throttled", TOO_MANY.format(rate.reset))
    response = JsonResponse(body, status=429, content_type=MEDIA_TYPE)
    response["Retry-After"] = str(rate.reset)
    return response
