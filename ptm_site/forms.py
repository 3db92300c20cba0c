"""How forms look in the portal: Tabler's classes on every kind of field."""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

CLASSES: dict[type[forms.Widget], str] = {
    forms.Select: "form-select",
    forms.CheckboxInput: "form-check-input",
    forms.CheckboxSelectMultiple: "form-check-input",
    forms.RadioSelect: "form-check-input",
}


class PortalRenderer(TemplatesSetting):
    field_template_name = "forms/field.html"


class PortalForm(forms.Form):
    """A form whose fields carry their classes and shout about nothing required."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in list(self.fields.items()):
            self.add_field(name, field)

    def add_field(self, name: str, field: forms.Field) -> None:
        """Give the field its class; forms that know their fields late add them here."""
        css = CLASSES.get(type(field.widget), "form-control")
        field.widget.attrs.setdefault("class", css)
        self.fields[name] = field
