"""Hostile bodies: refused with a code, nothing stored, and never our fault."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.stored import nothing_stored
from tests.worlds import World

PATH = "/api/v1/tasks/"


def post_raw(world: World, body: bytes | str) -> Any:
    return world.person("alice").post(PATH, body, content_type="application/json")


def raw(world: World, **changes: str) -> str:
    """The body as text, with members replaced by these pieces of JSON."""
    members = {name: json.dumps(value) for name, value in world.task_body().items()}
    members |= changes
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe{}",
        b'"\xed\xa0\x80"',
        b"\x00",
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 100_000,
        b"NaN",
        b"1" * 5_000,
    ],
    ids=lambda body: str(body[:20]),
)
def test_what_is_not_json_is_a_parse_error(world: World, body: bytes) -> None:
    world.person("alice")
    with nothing_stored():
        answer = post_raw(world, body)
    assert (answer.status_code, answer.json()["code"]) in (
        (400, "parse_error"),
        (422, "invalid"),  # nothing at all: every field is missing
    )


@pytest.mark.parametrize(
    ("piece", "status", "code"),
    [
        ('{"columns": [NaN]}', 400, "parse_error"),
        ('{"columns": [Infinity]}', 400, "parse_error"),
        ('{"columns": [-Infinity]}', 400, "parse_error"),
        ('{"columns": [1e400]}', 400, "parse_error"),
        (f'{{"columns": [{"9" * 5000}]}}', 400, "parse_error"),
        (f'{{"columns": [{"9" * 400}]}}', 422, "arguments_invalid"),
        ('{"columns": ["\\u0000"]}', 422, "arguments_invalid"),
        ('{"columns": ["a\\u0000b"]}', 422, "arguments_invalid"),
        ('{"columns": ["\\ud800"]}', 422, "arguments_invalid"),
        ('{"\\ud800": 1}', 422, "arguments_invalid"),
        ('{"\\u0000": 1}', 422, "arguments_invalid"),
        ('{"columns": ["a"], "columns": ["b"]}', 400, "parse_error"),
        ('{"columns": ' + "[" * 63 + "]" * 63 + "}", 400, "parse_error"),
        ("null", 422, "invalid"),
        ("[]", 422, "invalid"),
        ('"columns"', 422, "invalid"),
        ("{}", 422, "arguments_invalid"),
        ('{"columns": []}', 422, "arguments_invalid"),
        ('{"columns": "age"}', 422, "arguments_invalid"),
        ('{"columns": ["age"], "more": 1}', 422, "arguments_invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_hostile_arguments(world: World, piece: str, status: int, code: str) -> None:
    world.person("alice")
    with nothing_stored():
        answer = post_raw(world, raw(world, arguments=piece))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 422:
        assert all(name.startswith("arguments") for name in answer.json()["errors"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"columns": []}, "arguments/columns"),
        ({"columns": ["age", 7]}, "arguments/columns/1"),
        ({"columns": 7}, "arguments/columns"),
        ({}, "arguments"),
    ],
)
def test_the_field_that_does_not_fit_is_named(
    world: World, arguments: Any, field: str
) -> None:
    world.person("alice")
    with nothing_stored():
        answer = world.person("alice").post(PATH, world.task_body(arguments=arguments))
    assert list(answer.json()["errors"]) == [field]


def test_a_strange_key_that_the_schema_points_to_is_answered(world: World) -> None:
    """The name of a wrong member comes back in the answer, which is UTF-8."""
    schema = {"type": "object", "additionalProperties": {"type": "number"}}
    world.version.manifest["functions"][0]["arguments"] = schema
    world.version.save()
    for key in ("\\ud800", "\\u0000", "ü\\n"):
        answer = post_raw(world, raw(world, arguments=f'{{"{key}": "x"}}'))
        assert (answer.status_code, answer.json()["code"]) == (422, "arguments_invalid")


def test_arguments_and_bodies_have_a_largest_size(world: World) -> None:
    world.person("alice")
    with nothing_stored():
        large = world.task_body(arguments={"columns": ["x" * 70_000]})
        answer = world.person("alice").post(PATH, large)
        assert (answer.status_code, answer.json()["code"]) == (
            422,
            "arguments_too_large",
        )
        answer = post_raw(world, raw(world, arguments=" " * 200_000 + "{}"))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


IDS = [
    ("collaboration", value)
    for value in (2**63, -1, 0, True, 1.5, "x", "", None, [1], {"id": 1}, 10**400)
] + [("organization", value) for value in (2**63, -1, 0, False, "x", [1], {"id": 1})]


@pytest.mark.parametrize(("field", "value"), IDS, ids=str)
def test_ids_are_whole_numbers_of_a_database(
    world: World, field: str, value: Any
) -> None:
    world.person("alice")
    with nothing_stored():
        answer = world.person("alice").post(PATH, world.task_body(**{field: value}))
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        5,
        "5",
        {"0": 5},
        [True],
        [2**63],
        [-1],
        [None],
        [[1]],
        ["x"],
        list(range(1, 1002)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_list_of_organizations_is_a_list_of_ids(world: World, value: Any) -> None:
    world.person("alice")
    with nothing_stored():
        answer = world.person("alice").post(PATH, world.task_body(organizations=value))
    assert answer.status_code == 422
    assert all(name.startswith("organizations") for name in answer.json()["errors"])


@pytest.mark.parametrize("field", ["name", "purpose", "function", "image"])
@pytest.mark.parametrize(
    "piece", ['"nul\\u0000"', '"half \\ud800"', "7e999", "[]", "{}", "null", "true"]
)
def test_texts_are_texts(world: World, field: str, piece: str) -> None:
    world.person("alice")
    with nothing_stored():
        answer = post_raw(world, raw(world, **{field: piece}))
    assert answer.status_code in (400, 422)
    if answer.json()["code"] == "invalid":
        assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    ("field", "length"),
    [("name", 201), ("purpose", 5001), ("function", 101), ("image", 501)],
)
def test_texts_have_a_longest_length(world: World, field: str, length: int) -> None:
    world.person("alice")
    with nothing_stored():
        body = world.task_body(**{field: "x" * length})
        answer = world.person("alice").post(PATH, body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = (
    "collaboration",
    "organization",
    "organizations",
    "image",
    "function",
    "arguments",
    "databases",
    "name",
    "purpose",
)


@given(changes=st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3))
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_is_sent_is_never_our_fault(
    world: World, changes: dict[str, Any]
) -> None:
    body = json.dumps({**world.task_body(), **changes})
    answer = post_raw(world, body)
    assert answer.status_code in (201, 400, 403, 413, 422)
    assert answer.status_code == 201 or answer.json()["code"]
