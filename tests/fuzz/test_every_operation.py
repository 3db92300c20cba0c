"""The OpenAPI document is true for the request that each operation is made for."""

import re
from typing import Any

import pytest
from schemathesis.core.failures import FailureGroup

from tests.fuzz.api import (
    CHECKS,
    NOUNS,
    ask,
    document,
    no_foreign_row,
    operations,
    operations_of,
)
from tests.fuzz.examples import EXAMPLES
from tests.fuzz.stage import ROLES, SEES_ALL, Stage

pytestmark = pytest.mark.django_db


def test_every_operation_has_an_example_and_nothing_else_has() -> None:
    assert set(EXAMPLES) == set(operations())


@pytest.mark.parametrize("noun", NOUNS)
def test_each_reaches_success_as_a_role_that_may(stage: Stage, noun: str) -> None:
    reached = {
        operation.label: ask(stage, _case(operation, stage), _maker(operation))
        for operation in operations_of(noun)
    }
    statuses = {label: answer.status_code for label, answer in reached.items()}
    assert {label for label, status in statuses.items() if status >= 300} == set()


@pytest.mark.parametrize("noun", NOUNS)
def test_each_is_answered_as_documented_whoever_asks(stage: Stage, noun: str) -> None:
    for operation in operations_of(noun):
        statuses = {
            role: ask(stage, _case(operation, stage), role).status_code
            for role in ROLES
        }
        assert statuses["stranger"] == 401
        if operation.method != "get":
            assert statuses["reading token"] == 403, operation.label
            assert statuses["rival"] in (403, 404, 422) or noun in OWN, operation.label


# Made for oneself, or by everybody who manages an organization of their own.
OWN = ("tokens",)


def test_a_foreign_row_and_an_undocumented_status_would_be_seen(stage: Stage) -> None:
    case = operations()["collaborations_list"].Case()
    answer = ask(stage, case, SEES_ALL)
    with pytest.raises(AssertionError):
        no_foreign_row(stage, case, "viewer", answer)
    answer.status_code = 418
    with pytest.raises(FailureGroup):
        case.validate_response(answer, checks=CHECKS)


def _maker(operation: Any) -> str:
    return EXAMPLES[operation.definition.raw["operationId"]].role


def _case(operation: Any, stage: Stage) -> Any:
    example = EXAMPLES[operation.definition.raw["operationId"]]
    body = {"body": example.body(stage)} if example.body else {}
    media_type = {"media_type": example.media_type} if body else {}
    return operation.Case(path_parameters=example.path(stage), **body, **media_type)


def test_the_document_promises_no_failure_of_ours_and_leaves_nothing_open() -> None:
    statuses = [
        status
        for path in document()["paths"].values()
        for operation in path.values()
        for status in operation["responses"]
    ]
    assert len(statuses) > 300
    assert {s for s in statuses if not re.fullmatch("[24][0-9][0-9]", s)} == set()
