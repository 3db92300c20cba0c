"""The form that a JSON Schema makes, and what it makes of what people type."""

import json
from typing import Any

import pytest
from django.http import QueryDict

from apps.algorithms.manifests import argument_errors
from apps.tasks.argument_fields import is_flat
from apps.tasks.argument_forms import (
    FieldArguments,
    JsonArguments,
    fields_from_json,
    json_from_fields,
    texts_of,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["columns", "kind"],
    "properties": {
        "columns": {
            "title": "Columns",
            "description": "Names of columns.",
            "type": "array",
            "items": {"type": "string"},
        },
        "kind": {"enum": ["mean", "median", 3]},
        "group_by": {"type": ["string", "null"], "default": None},
        "alpha": {"type": ["number", "null"], "default": 0.05},
        "rounds": {"type": "integer", "minimum": 1, "maximum": 10, "default": 5},
        "weights": {"type": "array", "items": {"type": "number"}},
        "bins": {"type": "array", "items": {"type": "integer"}},
        "robust": {"type": "boolean"},
        "exact": {"type": "boolean", "default": False},
    },
    "additionalProperties": False,
}
FILLED = {"columns": "age\nsex", "kind": '"mean"', "alpha": "0.05", "exact": "false"}


def form(typed: dict[str, str], schema: dict[str, Any] = SCHEMA) -> FieldArguments:
    data = QueryDict(mutable=True)
    data.update({f"a-{name}": text for name, text in typed.items()})
    made = FieldArguments(schema, data=data)
    made.is_valid()
    return made


def one(entry: dict[str, Any], text: str, *, required: bool = False) -> FieldArguments:
    schema = {"properties": {"x": entry}, "required": ["x"] if required else []}
    return form({"x": text}, schema)


def test_the_schema_says_title_help_default_and_bounds() -> None:
    fields = FieldArguments(SCHEMA).fields
    assert fields["columns"].label == "Columns"
    assert fields["columns"].help_text == "Names of columns. One per line."
    assert fields["group_by"].label == "group_by"
    assert fields["rounds"].initial == "5"
    assert fields["rounds"].widget.attrs["min"] == 1
    assert fields["rounds"].widget.attrs["max"] == 10
    assert [name for name, field in fields.items() if field.required] == [
        "columns",
        "kind",
    ]


def test_what_is_left_empty_is_left_out_unless_null_says_something_else() -> None:
    filled = form({**FILLED, "alpha": "", "rounds": ""})
    assert filled.errors == {}
    assert filled.arguments() == {
        "columns": ["age", "sex"],
        "kind": "mean",
        "alpha": None,  # its default is 0.05: emptied, it means none
        "exact": False,
    }
    assert argument_errors({"arguments": SCHEMA}, filled.arguments()) == {}


@pytest.mark.parametrize(
    ("entry", "text", "value"),
    [
        ({"type": "string"}, "age ", "age "),
        ({"type": "string"}, "true", "true"),
        ({"type": ["string", "null"]}, "null", "null"),
        ({"type": "integer"}, "-3", -3),
        ({"type": "integer"}, "9" * 60, int("9" * 60)),
        ({"type": "number"}, "1e-3", 0.001),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"enum": [1, "1", True]}, "1", 1),
        ({"enum": [1, "1", True]}, '"1"', "1"),
        ({"enum": [1, "1", True]}, "true", True),
        ({"enum": ["a", ""]}, '""', ""),
        (
            {"type": "array", "items": {"type": "string"}},
            " a b \r\n\r\nc",
            ["a b", "c"],
        ),
        ({"type": "array", "items": {"type": "integer"}}, "1\r\n-2", [1, -2]),
        ({"type": "array", "items": {"type": "number"}}, "1\n2.5", [1, 2.5]),
    ],
)
def test_text_becomes_the_value_of_its_type(
    entry: dict[str, Any], text: str, value: object
) -> None:
    filled = one(entry, text)
    assert filled.errors == {}
    assert json.dumps(filled.arguments()) == json.dumps({"x": value})


@pytest.mark.parametrize(
    ("entry", "text", "words"),
    [
        ({"type": "string"}, "a\x00b", "Null characters are not allowed."),
        ({"type": "string", "maxLength": 2}, "abc", "at most 2 characters"),
        ({"type": "integer"}, "1.5", "Enter a whole number."),
        ({"type": "integer"}, "9" * 5000, "Enter a whole number."),
        ({"type": "integer", "maximum": 3}, "4", "less than or equal to 3"),
        ({"type": "number"}, "NaN", "Enter a number."),
        ({"type": "number"}, "1e999", "Enter a number."),
        ({"enum": ["a"]}, '"b"', "Choose one of the list."),
        ({"enum": ["a"]}, "[" * 10_000, "Choose one of the list."),
        ({"type": "array", "items": {"type": "integer"}}, "1\n2.5", "Line 2 is not a"),
        ({"type": "array", "items": {"type": "integer"}}, "true", "not a whole number"),
        ({"type": "array", "items": {"type": "number"}}, "[" * 9_999, "not a number"),
        ({"type": "array", "items": {"type": "number"}}, "9" * 5000, "not a number"),
        ({"type": "array", "items": {"type": "string"}}, "a\x00", "Null characters"),
    ],
)
def test_what_is_not_of_the_type_is_said_at_its_field(
    entry: dict[str, Any], text: str, words: str
) -> None:
    message = str(one(entry, text).errors["x"][0])
    assert words in message
    assert len(message) < 200


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "boolean"},
    ],
)
def test_what_the_schema_requires_must_be_filled_in(entry: dict[str, Any]) -> None:
    assert "x" in one(entry, " " if "items" in entry else "", required=True).errors


def test_a_required_argument_that_may_be_null_is_null_when_empty() -> None:
    filled = one({"type": ["integer", "null"]}, "", required=True)
    assert filled.errors == {}
    assert filled.arguments() == {"x": None}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},  # anything goes: no field could show it
        {"properties": {"x": {"type": "object"}}},
        {"properties": {"x": {"type": ["string", "integer"]}}},
        {"properties": {"x": {}}},
        {"properties": {"x": True}},
        {"properties": {"x": {"type": "null"}}},
        {"properties": {"x": {"type": "string", "not": {"const": "a"}}}},
        {"properties": {"x": {"anyOf": [{"type": "string"}]}}},
        {"properties": {"x": {"enum": [[1]]}}},
        {"properties": {"x": {"type": "array"}}},
        {"properties": {"x": {"type": "array", "items": {"type": "object"}}}},
        {"properties": {"x": {"type": "array", "items": {"type": ["string", "null"]}}}},
        {"properties": {"x": {"type": "array", "items": {"enum": ["a"]}}}},
        {"properties": {'x" onfocus="': {"type": "string"}}},
        {"properties": {"two words": {"type": "string"}}},
        {"properties": {"x": {"type": "string"}}, "required": ["y"]},
    ],
)
def test_what_fields_cannot_show_is_written_as_json(schema: dict[str, Any]) -> None:
    assert not is_flat(schema)


@pytest.mark.parametrize(
    "schema",
    [
        SCHEMA,
        {"additionalProperties": False},
        {"properties": {"x": {"type": "array", "items": {"type": "integer"}}}},
        # Names that mean something to Django's forms.
        {"properties": {name: {"type": "string"} for name in ("prefix", "data", "as")}},
    ],
)
def test_flat_schemas_have_a_field_for_each_argument(schema: dict[str, Any]) -> None:
    assert is_flat(schema)
    assert list(FieldArguments(schema).fields) == list(schema.get("properties", {}))


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ({"columns": ["age", "sex"], "kind": 3}, {"columns": "age\nsex", "kind": "3"}),
        ({"columns": ["a"], "kind": "mean", "robust": True}, {"robust": "true"}),
        ({"columns": ["a"], "kind": "mean", "group_by": None}, {"group_by": ""}),
        ({"columns": ["a"], "kind": "mean", "bins": [1, 2]}, {"bins": "1\n2"}),
    ],
)
def test_earlier_arguments_stand_in_the_fields(
    arguments: dict[str, Any], texts: dict[str, str]
) -> None:
    found = texts_of(SCHEMA, arguments)
    assert found is not None
    stand = {name.removeprefix("a-"): text for name, text in found.items()}
    assert texts.items() <= stand.items()
    assert form(stand).arguments() == {
        **{name: value for name, value in arguments.items() if value is not None},
        "alpha": None,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"columns": ["a"], "more": 1},
        {"columns": [" a"]},
        {"columns": ["two\nlines"]},
        {"columns": "age"},
        {"kind": "other"},
        {"rounds": [1]},
        {"columns": [1]},
    ],
)
def test_arguments_that_fields_would_change_are_shown_as_json(
    arguments: dict[str, Any],
) -> None:
    assert texts_of(SCHEMA, arguments) is None


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("default", [{}, {"default": False}])
def test_a_choice_that_was_not_made_is_shown_as_none(
    default: dict[str, Any], required: bool
) -> None:
    """Or a browser shows the first of the others, and sends what nobody said."""
    made = one({"type": "boolean", **default}, "", required=required)
    assert '<option value="" selected>—</option>' in str(made["x"])
    assert made.arguments() == {}
    assert bool(made.errors) is required


def test_turning_to_json_keeps_what_was_filled_in() -> None:
    filled = {"a-columns": "age", "a-rounds": "many", "a-alpha": "0.1"}
    kept = {"columns": ["age"], "alpha": 0.1}
    assert json.loads(json_from_fields(SCHEMA, filled)) == kept
    assert json_from_fields(SCHEMA, {}) == "{}"
    assert json_from_fields({"type": "object"}, {"a-x": "1"}) == "{}"


def test_turning_to_fields_keeps_what_they_can_say() -> None:
    schema = {"properties": {"x": {"type": "integer"}}}
    assert fields_from_json(schema, '{"x": 3}') == {"a-x": "3"}
    assert fields_from_json(schema, '{"x": 3.5}') is None
    assert fields_from_json(schema, '{"x": 3') is None


def as_json(text: str) -> JsonArguments:
    made = JsonArguments(data={"arguments_text": text})
    made.is_valid()
    return made


def test_json_is_taken_as_it_is_written() -> None:
    filled = as_json('{"a": [1, 2.5, null], "b": " x "}')
    assert filled.errors == {}
    assert filled.arguments() == {"a": [1, 2.5, None], "b": " x "}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Write an object"),
        ("[]", "Write one object"),
        ("3", "Write one object"),
        ('{"a": 1,}', "line 1 column 9"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": 1, "a": 2}', "a name appears twice"),
        ('{"a": ' + "[" * 10_000, "nested deeper than 64 levels"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "nested deeper than 64 levels"),
        ('{"a": ' + "9" * 5_000 + "}", "more than 1000 digits"),
        ('{"a": "\x00"}', "Null characters are not allowed."),
        ('{"a": "' + "x" * 2_000_000 + '"}', "exceed 65,536 bytes"),
    ],
)
def test_json_that_cannot_be_taken_says_why(text: str, words: str) -> None:
    message = str(as_json(text).errors["arguments_text"][0])
    assert words in message
    assert len(message) < 200


def test_what_the_service_refuses_is_placed_at_its_field() -> None:
    wrong = {"columns": ["age", 7], "kind": "mean", "rounds": 99, "extra": 1}
    filled = form(FILLED)
    for path, texts in argument_errors({"arguments": SCHEMA}, wrong).items():
        filled.place(path.partition("/")[2], texts)
    assert filled.errors["columns"] == ["Line 2: 7 is not of type 'string'"]
    assert filled.errors["rounds"] == ["99 is greater than the maximum of 10"]
    (above,) = filled.non_field_errors()
    assert "'extra' was unexpected" in above


def test_in_json_each_refusal_names_its_path() -> None:
    filled = as_json("{}")
    filled.place("", ["'columns' is a required property"])
    filled.place("columns/0", ["7 is not of type 'string'"])
    assert filled.errors["arguments_text"] == [
        "'columns' is a required property",
        "columns/0: 7 is not of type 'string'",
    ]
