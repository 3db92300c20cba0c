"""The API as its own OpenAPI document describes it, asked in this process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.stage import SEES_ALL, Stage

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("text/csv")
def as_csv(context: Any, value: Any) -> bytes:
    """As it is: most of what is made up is no file of members."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@cache
def document() -> dict[str, Any]:
    """The document as the server gives it."""
    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    read: dict[str, Any] = json.loads(OpenApiJsonRenderer().render(made, "", {}))
    return read


@cache
def operations() -> dict[str, Any]:
    """Every operation, by its id."""
    schema = schemathesis.openapi.from_dict(document())
    schema.app = get_wsgi_application()
    found: Any = schema.get_all_operations()
    every = (each.ok() for each in found)
    return {each.definition.raw["operationId"]: each for each in every}


def noun_of(operation: Any) -> str:
    return str(operation.path).removeprefix("/api/v1/").split("/")[0]


def operations_of(noun: str) -> list[Any]:
    return [each for each in operations().values() if noun_of(each) == noun]


NOUNS = sorted({noun_of(operation) for operation in operations().values()})


def ask(stage: Stage, case: Any, role: str) -> Any:
    """Send the request as this role, undo it, and look at what came back."""
    with _one_connection(), transaction.atomic():
        answer = case.call(headers=stage.headers[role])
        transaction.set_rollback(True)
    case.validate_response(answer, checks=CHECKS)
    no_foreign_row(stage, case, role, answer)
    return answer


@contextmanager
def _one_connection() -> Iterator[None]:
    """Keep a request's end from closing the connection that the test's rows are in."""
    ends = (request_started, request_finished)
    for signal in ends:
        signal.disconnect(close_old_connections)
    yield
    for signal in ends:
        signal.connect(close_old_connections)


def no_foreign_row(stage: Stage, case: Any, role: str, answer: Any) -> None:
    """Nothing of the rival's, unless the request itself has named it."""
    marker = stage.marker(role)
    asked = f"{case.path_parameters} {case.query} {case.body}".lower()
    if role == SEES_ALL or marker in asked:
        return
    assert marker not in answer.content.decode("utf-8", "replace").lower(), role
