"""The form of a new task: choices come from a draft, checks are the service's."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from apps.algorithms.choices import FunctionType
from apps.algorithms.models import AlgorithmVersion
from apps.errors import Refusal
from apps.nodes.choices import LABEL
from apps.tasks.argument_fields import is_flat
from apps.tasks.argument_forms import (
    FieldArguments,
    JsonArguments,
    fields_from_json,
    json_from_fields,
)
from apps.tasks.authoring import LONGEST_QUERY, TaskRequest
from apps.tasks.draft_parts import Need
from apps.tasks.drafts import Draft
from ptm_site.forms import PortalForm

Choices = list[tuple[str, str]]
NOTHING_YET = ("", "Choose…")
ANY_STUDY = ("", "None: any organization")
# Where the page shows what the service says of a member of the request.
SHOWN_AT = {"image": "version", "databases": "database_0"}


class FunctionSelect(forms.Select):
    """Shows central functions, which cannot be chosen yet."""

    later: frozenset[str] = frozenset()

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        if option["value"] in self.later:
            option["attrs"]["disabled"] = True
        return option


class TaskForm(PortalForm):
    collaboration = forms.ChoiceField(
        error_messages={"required": "Choose a collaboration."}
    )
    organization = forms.ChoiceField(
        label="Sent for", error_messages={"required": "Say for which organization."}
    )
    version = forms.ChoiceField(
        label="Algorithm", error_messages={"required": "Choose an algorithm."}
    )
    function = forms.ChoiceField(
        widget=FunctionSelect(attrs={"class": "form-select"}),
        error_messages={"required": "Choose a function."},
    )
    study = forms.ChoiceField(
        required=False,
        help_text="A study has some of the organizations, and the task only those.",
        error_messages={"invalid_choice": "There is no such study going on here."},
    )
    organizations = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one organization."},
    )
    name = forms.CharField(
        max_length=200,
        help_text="How you find the task again.",
        error_messages={"required": "Give the task a name."},
    )
    purpose = forms.CharField(
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why you ask. The sites’ stewards read it before they decide.",
    )
    # A repeated click, or the page sent again, makes no second task.
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, draft: Draft, *, data: QueryDict | None = None) -> None:
        self.draft = draft
        super().__init__(data=data, initial=self._chosen(draft))
        for need in draft.needs:
            self.add_field(need.field, database_field(need))
            self.add_field(need.query_field, query_field())
        self._offer("collaboration", named(draft.collaborations))
        self._offer("organization", named(draft.senders))
        self._offer("version", [(str(v.pk), title_of(v)) for v in draft.versions])
        self._offer("function", functions_of(draft))
        self._widget("function").later = _central(draft)
        self._field("organizations").choices = named(
            site.organization for site in draft.sites
        )
        self._field("study").choices = [ANY_STUDY, *named(draft.studies)]
        # One that is named and has ended stays, to be refused.
        if not draft.studies and not draft.data.get("study"):
            del self.fields["study"]
        if not self._asks_for_which(draft):
            del self.fields["organization"]

    def _asks_for_which(self, draft: Draft) -> bool:
        """Not who has one organization here; but another that is sent is refused."""
        possible = {str(sender.pk) for sender in draft.senders}
        sent = self.data.get("organization") if possible else None
        return len(possible) > 1 or bool(sent and sent not in possible)

    def _chosen(self, draft: Draft) -> dict[str, Any]:
        return {
            "collaboration": _pk(draft.collaboration),
            "organization": _pk(draft.sender),
            "version": _pk(draft.version),
            "study": _pk(draft.study),
            "function": draft.function["name"] if draft.function else "",
            "organizations": [str(site.organization.pk) for site in draft.chosen],
            "name": draft.typed.get("name", ""),
            "purpose": draft.typed.get("purpose", ""),
            "key": draft.typed.get("key") or uuid.uuid4().hex,
            **{need.field: need.label for need in draft.needs},
            **{need.query_field: need.query for need in draft.needs},
        }

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def _widget(self, name: str) -> Any:
        return self.fields[name].widget

    def _offer(self, name: str, choices: Choices) -> None:
        self.fields[name].error_messages["invalid_choice"] = "Choose one of the list."
        chosen = self.initial[name]
        self._field(name).choices = choices if chosen else [NOTHING_YET, *choices]

    def database_fields(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Of each that the function reads: its label, and a query of one's own."""
        return [(self[need.field], self[need.query_field]) for need in self.draft.needs]

    def _database(self, need: Need) -> dict[str, str]:
        query = self.cleaned_data[need.query_field]
        label = {"label": self.cleaned_data[need.field]}
        return {**label, "query": query} if query else label

    def task_request(self, arguments: dict[str, Any]) -> TaskRequest:
        draft = self.draft
        if draft.collaboration is None or draft.version is None:
            raise ValueError("Only a valid form makes a request")
        return TaskRequest(
            collaboration=draft.collaboration.pk,
            organizations=[int(pk) for pk in self.cleaned_data["organizations"]],
            organization=draft.sender.pk if draft.sender else None,
            study=draft.study.pk if draft.study else None,
            image=draft.version.image,
            function=self.cleaned_data["function"],
            name=self.cleaned_data["name"],
            purpose=self.cleaned_data["purpose"],
            arguments=arguments,
            databases=list(map(self._database, draft.needs)),
        )


ArgumentsForm = FieldArguments | JsonArguments


def arguments_form(draft: Draft, *, sent: bool) -> ArgumentsForm | None:
    """Return fields, or JSON where fields cannot say it or are not wanted."""
    if draft.function is None:
        return None
    schema = draft.function["arguments"]
    data = draft.data if sent else None
    fields = {name: text for name, text in draft.typed.items() if name.startswith("a-")}
    as_json = draft.typed.get("arguments_text")
    if is_flat(schema) and draft.typed.get("as") != "json":
        texts = fields if as_json is None else fields_from_json(schema, as_json)
        if texts is not None:
            typed = {name.removeprefix("a-"): text for name, text in texts.items()}
            return FieldArguments(schema, data=data, initial=typed)
    text = as_json or json_from_fields(schema, fields)
    return JsonArguments(data=data, initial={"arguments_text": text})


def show_refusal(refusal: Refusal, form: TaskForm, arguments: ArgumentsForm) -> None:
    """Place what the service refuses at its field, and the rest above the form."""
    for path, texts in refusal.errors.items():
        head, _, rest = path.partition("/")
        field = SHOWN_AT.get(head, head)
        if head == "arguments":
            arguments.place(rest, texts)
        else:
            form.add_error(field if field in form.fields else None, texts)
    if not refusal.errors:
        form.add_error(None, refusal.detail)


def database_field(need: Need) -> forms.Field:
    label = f"Database {need.number + 1}"
    missing = {"required": "Choose what the function should read."}
    if not need.offered:
        return forms.RegexField(
            LABEL,
            label=label,
            help_text=f"{need.description} No chosen site releases {need.types};"
            " name it by its label.",
            error_messages={
                **missing,
                "invalid": "A label has small letters, digits and underscores.",
            },
        )
    choices = [
        (name, f"{name} (released by {count} of {need.asked} sites)")
        for name, count in need.offered.items()
    ]
    return forms.ChoiceField(
        label=label,
        help_text=need.description,
        choices=choices if need.label else [NOTHING_YET, *choices],
        error_messages=missing,
    )


def query_field() -> forms.Field:
    return forms.CharField(
        label="Query",
        max_length=LONGEST_QUERY,
        required=False,
        widget=forms.Textarea(
            attrs={"class": "form-control mono", "rows": 4, "spellcheck": "false"}
        ),
        help_text="Asked of a database behind a server instead of the site’s own query."
        " A site that does not allow that refuses the task.",
    )


def named(things: Iterable[Any]) -> Choices:
    return [(str(thing.pk), thing.name) for thing in things]


def title_of(version: AlgorithmVersion) -> str:
    digest = version.digest.removeprefix("sha256:")[:12]
    return " · ".join(filter(None, (version.algorithm.name, version.tag, digest)))


def functions_of(draft: Draft) -> Choices:
    later = _central(draft)
    return [
        (name, f"{title} (comes later)" if name in later else title)
        for function in draft.functions
        for name in [function["name"]]
        for title in [function.get("title", name)]
    ]


def _central(draft: Draft) -> frozenset[str]:
    return frozenset(
        f["name"] for f in draft.functions if f["type"] == FunctionType.CENTRAL
    )


def _pk(thing: Any) -> str:
    return str(thing.pk) if thing else ""
