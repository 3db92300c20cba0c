"""Gives every request a number, under which log, audit and answer know it."""

import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.audit.origin import Origin, coming_from

HEADER = "X-Request-ID"


class RequestTrace:
    """The outermost middleware, so that refusals and incidents have the number too.

    The sockets need none: they record nothing, whoever hears a hint asks by HTTP.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = Origin(new_request_id(), client_address(request))
        with coming_from(origin):
            response = self.get_response(request)
        response[HEADER] = origin.request_id
        return response


def new_request_id() -> str:
    """Ours alone: a number that the client chose could be another request's.

    It begins with the time, so that the index of such numbers grows at its end.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def client_address(request: HttpRequest) -> str:
    """The address that throttling counts by.

    Behind a proxy gunicorn's worker puts the client's own there, if the proxy is one
    that `forwarded_allow_ips` trusts: no header is read here.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    return address[:45]
