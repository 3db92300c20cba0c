"""What a manifest may say; the images in this repository say it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "apps/algorithms/manifest.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
OURS = sorted(
    [
        *ROOT.glob("algorithms/*/manifest.json"),
        *ROOT.glob("tests/images/*/manifest.json"),
    ]
)


def manifest(**more: Any) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": "mean",
        "type": "partial",
        "description": "The mean of a column.",
        "arguments": {"type": "object", "properties": {"column": {"type": "string"}}},
        "databases": [{"types": ["csv"]}],
        "returns": {"description": "A mean.", "media_type": "application/json"},
    }
    top: dict[str, Any] = {
        "manifest_version": 1,
        "name": "mean",
        "description": "Means.",
        "contract": "ptm",
        "functions": [function],
    }
    return top | more


def changed_function(**more: Any) -> dict[str, Any]:
    changed = copy.deepcopy(manifest())
    changed["functions"][0] |= more
    return changed


def with_arguments(arguments: Any) -> dict[str, Any]:
    return changed_function(arguments=arguments)


def with_property(schema: Any) -> dict[str, Any]:
    return with_arguments({"type": "object", "properties": {"a": schema}})


def with_view(**more: Any) -> dict[str, Any]:
    view = {"type": "table", "title": "T", "data": ""} | more
    returns = {"description": "d", "media_type": "text/csv", "views": [view]}
    return changed_function(returns=returns)


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_image_of_the_repository_has_a_manifest() -> None:
    folders = {path.parent for path in ROOT.glob("algorithms/*/Dockerfile")}
    folders |= {path.parent for path in ROOT.glob("tests/images/*/Dockerfile")}
    assert {path.parent for path in OURS} == folders


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.parent.name)
def test_our_manifests_are_valid(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text()))


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.parent.name)
def test_schemas_inside_our_manifests_are_schemas(path: Path) -> None:
    for function in json.loads(path.read_text())["functions"]:
        Draft202012Validator.check_schema(function["arguments"])
        Draft202012Validator.check_schema(function["returns"].get("schema", True))


ACCEPTED = {
    "the least": manifest(),
    "a version": manifest(version="2.0.1"),
    "the other contract": manifest(contract="vantage6"),
    "an extension": manifest(**{"x-hospital": {"any": ["thing", 1, None]}}),
    "a central function": changed_function(type="central", subtasks=["mean"]),
    "no database": changed_function(databases=[]),
    "two labelled databases": changed_function(
        databases=[{"label": "a", "types": ["csv"]}, {"label": "b", "types": ["sql"]}]
    ),
    "prose in several lines": changed_function(description="One.\n\nTwo."),
    "other scripts": changed_function(title="Überlebenszeit 生存 🎗"),
    "alternatives": with_property({"anyOf": [{"type": "null"}, {"minimum": 1}]}),
    "several types": with_property({"type": ["string", "null"], "default": None}),
    "a property named like a keyword": with_property(
        {"type": "object", "properties": {"$ref": True, "pattern": {}}}
    ),
    "the whole result": with_view(data=""),
    "every member": with_view(data="/columns/*/a~1b", keys=["Column"], x="Column"),
}


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_these_are_accepted(value: dict[str, Any]) -> None:
    VALIDATOR.validate(value)
    Draft202012Validator.check_schema(value["functions"][0]["arguments"])


NESTED: Any = {"type": "string", "pattern": "(a+)+$"}
for _ in range(20):
    NESTED = {"items": NESTED}

REFUSED: dict[str, Any] = {
    "not an object": [],
    "null": None,
    "another version": manifest(manifest_version=2),
    "a version that only looks alike": manifest(manifest_version=True),
    "an unknown member": manifest(run_as_root=True),
    "an unknown contract": manifest(contract="root"),
    "an empty name": manifest(name=""),
    "a long name": manifest(name="x" * 201),
    "a name of two lines": manifest(name="mean\n"),
    "a name that turns text around": manifest(name="mean\u202egpj"),
    "a NUL": manifest(description="a\0b"),
    "half a surrogate pair": manifest(description="\ud800"),
    "a NUL inside an extension": manifest(**{"x-a": [{"b": "\0"}]}),
    "long prose": manifest(description="x" * 5001),
    "no functions": manifest(functions=[]),
    "too many functions": manifest(functions=manifest()["functions"] * 101),
    "functions as an object": manifest(functions={"mean": {}}),
    "a function named with a dash": changed_function(name="me-an"),
    "a function named with a digit first": changed_function(name="1mean"),
    "a function with a line break": changed_function(name="mean\n"),
    "a long function name": changed_function(name="m" * 101),
    "a function in another alphabet": changed_function(name="mеan"),  # noqa: RUF001
    "an unknown kind of function": changed_function(type="master"),
    "subtasks of a partial function": changed_function(subtasks=["mean"]),
    "an unknown function member": changed_function(privileged=True),
    "an unknown database type": changed_function(databases=[{"types": ["oracle"]}]),
    "a database without a type": changed_function(databases=[{"types": []}]),
    "a database path": changed_function(databases=[{"types": ["csv"], "path": "/etc"}]),
    "too many databases": changed_function(databases=[{"types": ["csv"]}] * 21),
    "a hostile label": changed_function(databases=[{"label": "a;b", "types": ["csv"]}]),
    "arguments of no type": with_arguments({}),
    "arguments of another type": with_arguments({"type": "array"}),
    "arguments of several types": with_arguments({"type": ["object", "null"]}),
    "arguments that are not a schema": with_arguments(True),
    "an unknown type": with_property({"type": "text"}),
    "a schema that is a number": with_property(1),
    "a reference elsewhere": with_property({"$ref": "http://169.254.169.254/"}),
    "a reference that loops": with_property({"$ref": "#"}),
    "a dynamic reference": with_property({"$dynamicRef": "#a"}),
    "another dialect": with_property({"$schema": "http://json-schema.org/schema#"}),
    "an identity": with_property({"$id": "file:///etc/passwd"}),
    "a regular expression": with_property({"pattern": "^(a+)+$"}),
    "a regular expression for names": with_property(
        {"patternProperties": {"(a+)+$": {}}}
    ),
    "a regular expression far down": with_property(NESTED),
    "comparing all items": with_property({"uniqueItems": True}),
    "too many choices": with_property({"enum": list(range(1001))}),
    "no choice": with_property({"enum": []}),
    "an endless bound": with_property({"minimum": float("inf")}),
    "a negative size": with_property({"minLength": -1}),
    "a bound that is text": with_property({"minimum": "1"}),
    "too many properties": with_arguments(
        {"type": "object", "properties": {str(i): {} for i in range(101)}}
    ),
    "a media type with a parameter": changed_function(
        returns={"description": "d", "media_type": "text/html; charset=x"}
    ),
    "a media type that breaks a header": changed_function(
        returns={"description": "d", "media_type": "text/csv\r\nX: y"}
    ),
    "an unknown view": with_view(type="iframe"),
    "a view with markup": with_view(html="<script>"),
    "a pointer without a slash": with_view(data="columns"),
    "a pointer with a bad escape": with_view(data="/a~2"),
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_these_are_refused(value: Any) -> None:
    assert not VALIDATOR.is_valid(value)


@pytest.mark.parametrize("name", sorted(SCHEMA["required"]))
def test_each_required_member_is_required(name: str) -> None:
    value = manifest()
    del value[name]
    assert not VALIDATOR.is_valid(value)


@pytest.mark.parametrize("name", sorted(SCHEMA["$defs"]["function"]["required"]))
def test_each_required_member_of_a_function_is_required(name: str) -> None:
    value = manifest()
    del value["functions"][0][name]
    assert not VALIDATOR.is_valid(value)
