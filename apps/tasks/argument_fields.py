"""Form fields made from JSON Schema, for the schemas that are flat enough."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apps.algorithms.column_names import FORMAT
from ptm_site.parsers import strict_json

# What a field can show. Anything else needs the whole of JSON.
NOTES = {"title", "description", "default", "examples", "deprecated", "$comment"}
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
SIZES = {"minLength", "maxLength", "format", "minItems", "maxItems"}
SHOWN = NOTES | BOUNDS | SIZES | {"type", "enum", "items"}
# Goes into HTML's ids, where spaces and quotes mean something.
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
LINE_TYPES = {"string": "text", "integer": "whole number", "number": "number"}
LONG_TEXT = 200

Schema = Mapping[str, Any]


class LinesField(forms.CharField):
    """A list, one member per line; blank lines are nobody's members."""

    widget = forms.Textarea

    def __init__(self, *, member: str | None, **kwargs: Any) -> None:
        super().__init__(empty_value=None, **kwargs)
        self.member = member or "string"
        self.widget.attrs["rows"] = 4

    def clean(self, value: Any) -> list[Any] | None:
        text: str | None = super().clean(value)
        lines = [line.strip() for line in (text or "").split("\n")]
        members = [self._read(n, line) for n, line in enumerate(lines, 1) if line]
        return members or None

    def _read(self, number: int, line: str) -> str | float:
        if self.member == "string":
            return line
        try:
            read = strict_json(line)
        except ValueError:
            read = None
        fits = int if self.member == "integer" else (int, float)
        if isinstance(read, bool) or not isinstance(read, fits):
            kind = LINE_TYPES[self.member]
            raise ValidationError(f"Line {number} is not a {kind}: {line[:60]}")
        return read


def is_flat(schema: Schema) -> bool:
    """Whether fields can show every argument that the schema names."""
    properties = schema.get("properties", {})
    if not properties and schema.get("additionalProperties") is not False:
        return False
    return set(schema.get("required", ())) <= set(properties) and all(
        PLAIN_NAME.fullmatch(name) and _is_simple(entry)
        for name, entry in properties.items()
    )


def _is_simple(entry: Any) -> bool:
    if not isinstance(entry, dict) or any(
        word not in SHOWN and not word.startswith("x-") for word in entry
    ):
        return False
    if "enum" in entry:
        return not any(isinstance(value, (list, dict)) for value in entry["enum"])
    kind = type_of(entry)
    if kind == "array":
        items = entry.get("items")
        return (
            isinstance(items, dict)
            and _is_simple(items)
            and "enum" not in items
            and type_of(items) in LINE_TYPES
            and not is_nullable(items)
        )
    return kind in LINE_TYPES or kind == "boolean"


def type_of(entry: Schema) -> str | None:
    """Return the one type besides null, if there is one."""
    types = entry.get("type", [])
    kinds = [types] if isinstance(types, str) else [t for t in types if t != "null"]
    return kinds[0] if len(kinds) == 1 else None


def is_nullable(entry: Schema) -> bool:
    return "null" in entry.get("type", ()) or None in entry.get("enum", ())


def field_for(name: str, entry: Schema, *, required: bool) -> forms.Field:
    kind = "choice" if "enum" in entry else type_of(entry)
    common: dict[str, Any] = {
        "label": entry.get("title", name),
        "help_text": entry.get("description", ""),
        "initial": text_of(entry, entry.get("default")),
        "required": required and not is_nullable(entry),
    }
    if kind in ("choice", "boolean"):
        return _choice(entry.get("enum", [True, False]), common)
    if kind == "array":
        common["help_text"] = f"{common['help_text']} One per line.".strip()
        return LinesField(member=type_of(entry["items"]), **common)
    if kind == "string":
        field = _text(entry.get("maxLength"), common)
        if entry.get("format") == FORMAT:
            # Those that the sites announce are in a list beside the fields.
            offered = {"list": "columns", "autocomplete": "off"}
            field.widget = forms.TextInput(attrs=offered)
        return field
    number = forms.IntegerField if kind == "integer" else forms.FloatField
    return number(
        min_value=entry.get("minimum"), max_value=entry.get("maximum"), **common
    )


def _choice(values: list[Any], common: dict[str, Any]) -> forms.Field:
    """A select whose values are JSON, so that 1, "1" and true stay what they are.

    Where nothing is said it shows that: a browser would take the first of the others.
    """
    said = [(json.dumps(value), _words(value)) for value in values if value is not None]
    choices = [("", "—"), *said]
    return forms.TypedChoiceField(
        choices=choices,
        coerce=json.loads,
        empty_value=None,
        error_messages={"invalid_choice": "Choose one of the list."},
        **common,
    )


def _text(longest: int | None, common: dict[str, Any]) -> forms.Field:
    field = forms.CharField(strip=False, empty_value=None, max_length=longest, **common)
    if longest is not None and longest > LONG_TEXT:
        field.widget = forms.Textarea(attrs={"rows": 3})
    return field


def _words(value: Any) -> str:
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)


def text_of(entry: Schema, value: Any) -> str:
    """Return what stands in the entry's field for the value; nothing for null."""
    if value is None:
        return ""
    if "enum" in entry or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return "\n".join(
            text if isinstance(text, str) else json.dumps(text) for text in value
        )
    return str(value)
