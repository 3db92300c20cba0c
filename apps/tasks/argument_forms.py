"""The form of a function's arguments: fields where its JSON Schema is flat, else JSON.

The fields only read what was typed. Whether the arguments fit the schema is asked
once, when the task is created; what is wrong is then placed at its field.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from apps.tasks.argument_fields import Schema, field_for, is_flat, is_nullable, text_of
from ptm_site.forms import PortalForm
from ptm_site.parsers import strict_json


class FieldArguments(PortalForm):
    """One field for each property of a flat schema."""

    prefix = "a"

    def __init__(self, schema: Schema, **kwargs: Any) -> None:
        self.properties: dict[str, Schema] = schema.get("properties", {})
        self.needed = set(schema.get("required", ()))
        super().__init__(**kwargs)
        for name, entry in self.properties.items():
            self.add_field(name, field_for(name, entry, required=name in self.needed))

    def arguments(self) -> dict[str, Any]:
        """Return what was filled in; an empty field is null only where that tells."""
        found: dict[str, Any] = {}
        for name, value in self.cleaned_data.items():
            entry = self.properties[name]
            if value is not None:
                found[name] = value
            elif is_nullable(entry) and (
                name in self.needed or entry.get("default") is not None
            ):
                found[name] = None
        return found

    def place(self, path: str, texts: Iterable[str]) -> None:
        """Show what is wrong at the field that the path within the arguments names."""
        name, _, rest = path.partition("/")
        if name not in self.fields:
            self.add_error(
                None, [f"{path}: {text}" if path else text for text in texts]
            )
        elif rest.isdigit():
            self.add_error(name, [f"Line {int(rest) + 1}: {text}" for text in texts])
        else:
            self.add_error(name, list(texts))


class JsonArguments(PortalForm):
    """All arguments as one JSON object."""

    arguments_text = forms.CharField(
        label="Arguments as JSON",
        help_text="One object; its members are the function’s arguments.",
        strip=False,
        widget=forms.Textarea(
            attrs={"class": "form-control mono", "rows": 10, "spellcheck": "false"}
        ),
        error_messages={"required": "Write an object; {} if there are no arguments."},
    )

    def clean_arguments_text(self) -> dict[str, Any]:
        text: str = self.cleaned_data["arguments_text"]
        if len(text.encode()) > settings.MAX_INPUT_BYTES:
            raise ValidationError(
                f"The arguments exceed {settings.MAX_INPUT_BYTES:,} bytes."
            )
        try:
            read = strict_json(text)
        except ValueError as error:
            raise ValidationError(f"This is not valid JSON: {error}") from error
        if not isinstance(read, dict):
            raise ValidationError("Write one object, in curly brackets.")
        return read

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data["arguments_text"]
        return found

    def place(self, path: str, texts: Iterable[str]) -> None:
        self.add_error("arguments_text", _with_path(path, texts))


def _with_path(path: str, texts: Iterable[str]) -> list[str]:
    return [f"{path}: {text}" if path else text for text in texts]


def texts_of(schema: Schema, arguments: Mapping[str, Any]) -> dict[str, str] | None:
    """Return what stands in the fields for the arguments; None if they cannot."""
    properties = schema.get("properties", {})
    if not set(arguments) <= set(properties):
        return None
    texts = {
        f"a-{name}": text_of(entry, arguments.get(name))
        for name, entry in properties.items()
    }
    form = FieldArguments(schema, data=texts)
    for field in form.fields.values():
        field.required = False
    same = form.is_valid() and _told(form.arguments()) == _told(arguments)
    return texts if same else None


def fields_from_json(schema: Schema, text: str) -> dict[str, str] | None:
    """Return what stands in the fields for the JSON; None if they cannot say it."""
    form = JsonArguments(data={"arguments_text": text})
    return texts_of(schema, form.arguments()) if form.is_valid() else None


def json_from_fields(schema: Schema, fields: Mapping[str, str]) -> str:
    """Return what the fields say so far as JSON; what they cannot say is left out."""
    form = FieldArguments(schema, data=fields) if fields and is_flat(schema) else None
    if form is None:
        return "{}"
    form.is_valid()
    return json.dumps(form.arguments(), indent=2, ensure_ascii=False)


def typed_arguments(schema: Schema, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page's fields, or its JSON, say so far."""
    if (text := typed.get("arguments_text")) is not None:
        as_json = JsonArguments(data={"arguments_text": text})
        return as_json.arguments() if as_json.is_valid() else {}
    fields = {name: text for name, text in typed.items() if name.startswith("a-")}
    found: dict[str, Any] = json.loads(json_from_fields(schema, fields))
    return found


def _told(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
