"""JSON Schema, said in words."""

from typing import Any

import pytest

from apps.algorithms.wording import arguments_of, kind_of

KINDS: list[tuple[Any, str]] = [
    ({}, "anything"),
    (True, "anything"),
    (False, "nothing"),
    ({"type": "string"}, "text"),
    ({"type": "string", "minLength": 0}, "text"),
    ({"type": "string", "minLength": 1}, "text of at least 1 character"),
    (
        {"type": "string", "minLength": 1, "maxLength": 9},
        "text of 1 to 9 characters",
    ),
    ({"type": "string", "format": "date"}, "date"),
    ({"type": "boolean"}, "yes or no"),
    ({"type": "integer", "minimum": 0, "maximum": 10}, "whole number, 0 to 10"),
    ({"type": "number", "maximum": 0.5}, "number, at most 0.5"),
    (
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "number, more than 0, less than 1",
    ),
    ({"type": ["string", "null"]}, "text, or nothing"),
    ({"type": "array"}, "list"),
    ({"type": "array", "minItems": 2, "maxItems": 2}, "list of 2 entries"),
    ({"type": "array", "maxItems": 1}, "list of at most 1 entry"),
    ({"type": "array", "items": {"type": "integer"}}, "list of whole number"),
    (
        {
            "type": "array",
            "minItems": 1,
            "maxItems": 5,
            "items": {"type": "string", "maxLength": 3},
        },
        "list of 1 to 5 entries, each text of at most 3 characters",
    ),
    ({"type": "object"}, "object"),
    ({"type": "object", "properties": {"a": {}, "b": {}}}, "object with a, b"),
    ({"enum": ["mean", 2, None, True]}, "one of mean, 2, null, yes"),
    ({"enum": list(range(10))}, "one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
    ({"const": "é"}, "always é"),
    ({"anyOf": [{"type": "string"}, {"type": "number"}]}, "text, or number"),
    ({"oneOf": [{"type": "null"}, {"type": "null"}]}, "nothing"),
]


@pytest.mark.parametrize(("schema", "said"), KINDS)
def test_a_schema_is_said_in_words(schema: Any, said: str) -> None:
    assert kind_of(schema) == said


def test_a_deep_schema_ends_soon() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(30):
        schema = {"type": "array", "items": {"anyOf": [schema] * 20}}
    assert len(kind_of(schema)) < 200


def test_required_arguments_come_first_and_a_default_is_told() -> None:
    rows = arguments_of(
        {
            "arguments": {
                "type": "object",
                "required": ["b"],
                "properties": {
                    "a": {"type": "boolean", "default": False, "title": "A"},
                    "b": {"type": "string", "description": "which"},
                    "c": {"default": None},
                    "d": True,
                },
            }
        }
    )
    assert [(row.name, row.required, row.default) for row in rows] == [
        ("b", True, ""),
        ("a", False, "no"),
        ("c", False, ""),
        ("d", False, ""),
    ]
    assert (rows[0].description, rows[1].title) == ("which", "A")


def test_a_function_without_named_arguments_has_no_rows() -> None:
    assert arguments_of({"arguments": {"type": "object"}}) == []
