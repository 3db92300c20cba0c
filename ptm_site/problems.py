"""Errors as problem+json (RFC 9457), each with a stable `code`."""

import logging
import secrets
import sys
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from apps.audit.origin import present_origin
from apps.errors import Missing, Refusal

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
INTERNAL = "Something went wrong on our side; tell the operator the incident's number."
UNAVAILABLE = "A part of the server does not answer just now; try again in a moment."
# The database, which a server on several machines can be without for a while.
AWAY = (OperationalError, InterfaceError)
AGAIN_SECONDS = 5


class Fault(NamedTuple):
    status: int
    code: str
    detail: str

    @property
    def headers(self) -> dict[str, str]:
        away = self.status == HTTPStatus.SERVICE_UNAVAILABLE
        return {"Retry-After": str(AGAIN_SECONDS)} if away else {}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Answer every exception of an API view; ours become an incident id."""
    if isinstance(error, Http404):
        error = Missing()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, Refusal):
        return _from_refusal(error)
    if isinstance(error, ModelValidationError):
        return _from_model(error)
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    return _incident(error)


def problem(status: int, code: str, detail: str, **members: object) -> Response:
    body = problem_members(status, code, detail, **members)
    return Response(body, status=status, content_type=MEDIA_TYPE)


def problem_members(
    status: int, code: str, detail: str, **members: object
) -> dict[str, object]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }


def _from_refusal(error: Refusal) -> Response:
    members = dict(error.extra)
    if error.errors:
        members["errors"] = error.errors
    response = problem(error.status, error.code, error.detail, **members)
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    return response


def _from_model(error: ModelValidationError) -> Response:
    fields = getattr(error, "message_dict", {"": error.messages})
    return problem(422, "invalid", "Some fields are wrong.", errors=fields)


def _from_framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        fields = dict(_flatten(error.detail))
        return problem(422, "invalid", "Some fields are wrong.", errors=fields)
    codes: Any = error.get_codes()
    response = problem(error.status_code, str(codes), str(error.detail))
    if (challenge := getattr(error, "auth_header", None)) is not None:
        response["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(int(wait) or 1)
    return response


def _flatten(detail: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Turn nested errors of serializers into (path, texts) pairs."""
    if isinstance(detail, dict):
        pairs: list[tuple[str, Any]] = [(str(k), v) for k, v in detail.items()]
    elif isinstance(detail, list) and any(isinstance(d, dict) for d in detail):
        pairs = [(str(i), d) for i, d in enumerate(detail) if d]
    else:
        texts = detail if isinstance(detail, list) else [detail]
        return [(path, [str(text) for text in texts])]
    return [
        found
        for key, value in pairs
        for found in _flatten(value, f"{path}/{key}" if path else key)
    ]


def _incident(error: Exception) -> Response:
    fault = fault_of(error)
    response = problem(*fault, incident=log_incident(error))
    for name, value in fault.headers.items():
        response[name] = value
    return response


def fault_of(error: BaseException | None) -> Fault:
    """What is told of an error that is ours."""
    if isinstance(error, AWAY) or _is_of_redis(error):
        return Fault(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", UNAVAILABLE)
    return Fault(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", INTERNAL)


def _is_of_redis(error: BaseException | None) -> bool:
    """Without importing its client: that takes long, and most servers have none."""
    redis = sys.modules.get("redis")
    return redis is not None and isinstance(error, redis.RedisError)


def log_incident(error: BaseException | None) -> str:
    """Log all of it, and return the number under which the operator finds it."""
    incident = secrets.token_hex(6)
    request_id = present_origin().request_id or "none"
    logger.error("Incident %s (request %s)", incident, request_id, exc_info=error)
    return incident
