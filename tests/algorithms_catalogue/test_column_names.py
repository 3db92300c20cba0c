"""Which names of columns are found in arguments, by their JSON Schema."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.algorithms.column_names import columns_named, names_columns

COLUMN = {"type": "string", "format": "column"}
NULLABLE = {"type": ["string", "null"], "format": "column"}
LISTED = {"type": "array", "items": COLUMN}


def found(entry: Any, value: Any) -> list[tuple[str, str]]:
    schema = {"type": "object", "properties": {"x": entry}}
    named = columns_named({"arguments": schema}, {"x": value})
    return [(each.path, each.name) for each in named]


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        (COLUMN, "age", [("arguments/x", "age")]),
        (NULLABLE, "age", [("arguments/x", "age")]),
        (NULLABLE, None, []),
        ({"type": "string"}, "age", []),
        ({"type": "string", "format": "date"}, "age", []),
        (LISTED, ["age", "sex"], [("arguments/x/0", "age"), ("arguments/x/1", "sex")]),
        (LISTED, [], []),
        (
            {"type": "array", "prefixItems": [{}, COLUMN], "items": COLUMN},
            ["a", "b", "c"],
            [("arguments/x/1", "b"), ("arguments/x/2", "c")],
        ),
        (
            {"type": "object", "additionalProperties": COLUMN},
            {"outcome": "dead"},
            [("arguments/x/outcome", "dead")],
        ),
        (
            {
                "type": "object",
                "properties": {"kind": {"type": "string"}, "of": LISTED},
                "additionalProperties": COLUMN,
            },
            {"kind": "mean", "of": ["age"], "by": "sex"},
            [("arguments/x/of/0", "age"), ("arguments/x/by", "sex")],
        ),
        ({"anyOf": [COLUMN, {"type": "integer"}]}, "age", []),
        ({"allOf": [COLUMN]}, "age", []),
        ({"not": COLUMN}, "age", []),
        (True, "age", []),
        (COLUMN, 3, []),
        (COLUMN, ["age"], []),
    ],
)
def test_a_name_is_found_with_its_place(
    entry: Any, value: Any, expected: list[tuple[str, str]]
) -> None:
    assert found(entry, value) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=12,
)
# Schemas are drawn slowly where the machine is busy.
patient = hypothesis_settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
SCHEMAS = st.recursive(
    st.sampled_from([COLUMN, NULLABLE, {"type": "string"}, {}, True, False]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "additionalProperties": inner,
            "properties": st.dictionaries(
                st.sampled_from(["a", "b"]), inner, max_size=2
            ),
            "anyOf": st.lists(inner, max_size=2),
            "format": st.sampled_from(["column", "date"]),
        },
    ),
    max_leaves=6,
)


def at(value: Any, path: str) -> Any:
    for step in path.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    return value


@patient
@given(schema=SCHEMAS, value=VALUES)
def test_every_name_stands_where_it_is_said_to_and_once(
    schema: Any, value: Any
) -> None:
    named = columns_named({"arguments": schema}, value)
    assert all(at(value, each.path) == each.name for each in named)
    assert len({each.path for each in named}) == len(named)
    assert not named or names_columns(schema)


@patient
@given(schema=SCHEMAS, value=VALUES)
def test_where_nothing_says_column_nothing_is_found(schema: Any, value: Any) -> None:
    if not names_columns(schema):
        assert columns_named({"arguments": schema}, value) == []


@patient
@given(value=VALUES)
def test_where_all_texts_are_columns_all_are_found(value: Any) -> None:
    schema: dict[str, Any] = {"format": "column"}
    schema |= {"items": schema, "additionalProperties": schema}

    def texts(within: Any) -> list[str]:
        if isinstance(within, str):
            return [within]
        members = within.values() if isinstance(within, dict) else within
        return (
            [text for member in members for text in texts(member)]
            if isinstance(within, list | dict)
            else []
        )

    named = columns_named({"arguments": schema}, value)
    assert [each.name for each in named] == texts(value)


@pytest.mark.parametrize("junk", [None, 3, "x", [], {"items": 3}, {"properties": []}])
def test_what_is_no_schema_names_nothing(junk: Any) -> None:
    assert columns_named({"arguments": junk}, {"a": ["b"]}) == []
    assert names_columns(junk) is False
