"""Requests that nobody would write, over the whole document and as every role.

`make fuzz` sends many more of them, and others each time.
"""

import itertools
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from tests.fuzz.api import NOUNS, ask, noun_of, operations_of
from tests.fuzz.stage import ROLES, Stage

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("PTM_FUZZ", "0"))
QUICK, ROLES_EACH = 4, 3  # every role at least twice, for each operation
# Fields that name something, and where its values are known.
FIELDS = {
    "collaboration": "collaborations",
    "organization": "organizations",
    "organizations": "organizations",
    "people": "people",
    "user": "people",
    "initiator": "people",
    "task": "tasks",
    "run": "runs",
    "algorithm": "algorithms",
    "version": "versions",
    "study": "studies",
    "image": "image",
    "username": "username",
    "organization_name": "organization_name",
}


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.timeout(0 if EXAMPLES else 120)
def test_no_request_is_our_fault_or_undocumented(stage: Stage, noun: str) -> None:
    roles = itertools.cycle(ROLES)
    for operation in operations_of(noun):
        for mode in GenerationMode:
            _fuzz(stage, operation, mode, roles)


def _fuzz(stage: Stage, operation: Any, mode: GenerationMode, roles: Any) -> None:
    @settings(
        max_examples=EXAMPLES or QUICK,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
    )
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def send(case: Any, data: st.DataObject) -> None:
        _name_known_things(stage, case, noun_of(operation), data)
        for role in itertools.islice(roles, ROLES_EACH):
            ask(stage, case, role)

    send()


def _name_known_things(stage: Stage, case: Any, noun: str, data: st.DataObject) -> None:
    """Mostly ids that are there, own or foreign: others all end in 404."""
    case.headers.pop("Authorization", None)  # the roles bring their own
    for name in case.path_parameters:
        pool = stage.known[noun if name == "id" else FIELDS[name]]
        if data.draw(st.integers(0, 3)):
            case.path_parameters[name] = data.draw(st.sampled_from(pool))
    for fields in (case.query, case.body):
        if not isinstance(fields, dict):
            continue
        for name in FIELDS.keys() & fields.keys():
            value = st.sampled_from(stage.known[FIELDS[name]])
            if data.draw(st.integers(0, 3)):
                several = isinstance(fields[name], list)
                fields[name] = data.draw(st.lists(value) if several else value)
