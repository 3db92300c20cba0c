"""Manifests: what an image's functions take, read and return."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match

from apps.errors import Invalid
from apps.nesting import fit_to_store, shallower_than

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))


def check_manifest(manifest: Any) -> None:
    """Raise Invalid unless the manifest has the fixed shape."""
    _check_bounds(manifest)
    if error := best_match(_validator().iter_errors(manifest)):
        raise _invalid(f"{pointer(error) or 'the manifest'}: {error.message[:300]}")
    names = [function["name"] for function in manifest["functions"]]
    if len(names) != len(set(names)):
        raise _invalid("Two functions have the same name.")
    for function in manifest["functions"]:
        _check_function(function, names)


def _check_bounds(manifest: Any) -> None:
    """Refuse what the schema's own check could take too long over."""
    try:
        size = len(json.dumps(manifest, allow_nan=False))
    except (ValueError, RecursionError, TypeError) as error:
        raise _invalid("The manifest is not plain JSON.") from error
    if size > MAX_BYTES or not shallower_than(manifest, MAX_DEPTH):
        raise _invalid(f"At most {MAX_BYTES:,} bytes and {MAX_DEPTH} levels.")
    if not fit_to_store(manifest):
        raise _invalid("A text holds NUL or half of a surrogate pair.")


def _check_function(function: dict[str, Any], names: list[str]) -> None:
    if unknown := set(function.get("subtasks", ())) - set(names):
        raise _invalid(f"{function['name']} calls {sorted(unknown)[0]}, unknown here.")
    try:
        Draft202012Validator.check_schema(function["arguments"])
    except SchemaError as error:
        raise _invalid(f"{function['name']}: {error.message[:300]}") from error
    for view in function["returns"].get("views", ()):
        _check_combining(view)


def _check_combining(view: dict[str, Any]) -> None:
    """What a column needs to be combined are columns of its own view, fit for it."""
    columns = {column["name"]: column for column in view.get("columns", ())}
    for name, column in columns.items():
        weight, mean = column.get("weight"), column.get("mean")
        if weight and columns.get(weight, {}).get("combine") != "sum":
            raise _invalid(f"{name}: its weight {weight} is no column that is summed.")
        if not mean:
            continue
        named = columns.get(mean, {})
        if (named.get("combine"), named.get("weight")) != ("mean", weight):
            raise _invalid(f"{name}: {mean} is no mean with the weight {weight}.")


def argument_errors(function: dict[str, Any], arguments: Any) -> dict[str, list[str]]:
    """Return what is wrong with the arguments, by the field's path."""
    found: dict[str, list[str]] = {}
    for error in Draft202012Validator(function["arguments"]).iter_errors(arguments):
        field = "/".join(filter(None, ("arguments", pointer(error))))
        found.setdefault(field, []).append(error.message[:300])
    return found


def pointer(error: ValidationError) -> str:
    return "/".join(str(part) for part in error.absolute_path)


def _invalid(detail: str) -> Invalid:
    return Invalid("manifest", "manifest_invalid", detail)
