"""Pages of the administration that change something: a form, and one service."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from unfold import widgets
from unfold.enums import ActionVariant

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.errors import Refusal
from ptm_site.pages import reader_of

if TYPE_CHECKING:
    from ptm_site.admin import ScopedAdmin

CLASSES: dict[type[forms.Widget], list[str]] = {
    forms.TextInput: widgets.INPUT_CLASSES,
    forms.EmailInput: widgets.INPUT_CLASSES,
    forms.NumberInput: widgets.INPUT_CLASSES,
    forms.DateTimeInput: widgets.INPUT_CLASSES,
    forms.Textarea: widgets.TEXTAREA_CLASSES,
}


# What turns text around, or closes the isolation that keeps it from turning ours.
TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def named(text: object) -> str:
    """A stranger's words within a sentence, which they cannot turn around."""
    return f"\u2068{str(text).translate(TURNING)}\u2069"


class AdminForm(forms.Form):
    """A form in unfold's looks whose choices are limited to the reader's own."""

    use_required_attribute = False

    def __init__(self, *args: Any, reader: User, target: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader, self.target = reader, target
        self.limit()
        for field in self.fields.values():
            if known := CLASSES.get(type(field.widget)):
                field.widget.attrs.setdefault("class", " ".join(known))

    def limit(self) -> None:
        """Set the querysets of the choices."""


def choose(label: str, **options: Any) -> forms.ModelChoiceField:  # type: ignore[type-arg]
    """A choice among rows that the form's `limit` gives."""
    return forms.ModelChoiceField(
        User.objects.none(),
        label=label,
        empty_label="Choose",
        widget=widgets.UnfoldAdminSelectWidget(),
        **options,
    )


def choose_value(label: str, choices: Any, **options: Any) -> forms.ChoiceField:
    shown = [(value, str(text).capitalize()) for value, text in choices]
    widget = widgets.UnfoldAdminSelectWidget()
    return forms.ChoiceField(label=label, choices=shown, widget=widget, **options)


@dataclass(frozen=True)
class Secret:
    """What is shown once, in the answer to the form, and never again."""

    title: str
    explanation: str
    value: str
    command: str = ""
    then: tuple[str, ...] = ()


class AdminPage(ABC):
    """One thing that may be done: its button, its form, and whoever may do it."""

    # Templates would otherwise call the class where they read its label.
    do_not_call_in_templates: ClassVar[bool] = True
    slug: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str] = "edit"
    danger: ClassVar[bool] = False
    on_start: ClassVar[bool] = True  # whether the start page leads there too
    form_class: ClassVar[type[AdminForm]] = AdminForm
    introduction: ClassVar[str] = ""
    submit: ClassVar[str] = (
        ""  # the button's words, where the label is not what it does
    )

    def __init__(
        self, admin: "ScopedAdmin", request: HttpRequest, target: Any = None
    ) -> None:
        self.admin, self.request, self.target = admin, request, target
        self.reader = reader_of(request)
        self.actor = Actor.user(self.reader.pk)

    @classmethod
    def open_to(cls, reader: User) -> bool:
        """Whether the person may do this, where it needs no object."""
        return False

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        """The objects to which the person may do this."""
        return User.objects.none()

    def initial(self) -> dict[str, Any]:
        return {}

    def consequences(self) -> list[str]:
        """What follows, in sentences, before anything is done."""
        return []

    def after(self) -> str:
        """Where the person goes next."""
        return address(self.admin, self.target)

    @abstractmethod
    def respond(self) -> HttpResponse:
        """Answer the request for the page, or what its form sends."""

    def _form(self) -> AdminForm:
        data = self.request.POST if self.request.method == "POST" else None
        return self.form_class(
            data,
            self.request.FILES if data is not None else None,
            initial={**self.initial(), **self._from_address()},
            reader=self.reader,
            target=self.target,
        )

    def _from_address(self) -> dict[str, str]:
        """A link may fill in fields: what it names is checked like what is typed."""
        known = self.form_class.base_fields
        return {
            name: self.request.GET.get(name, "")
            for name in self.request.GET
            if name in known
        }

    def _show(self, form: AdminForm) -> HttpResponse:
        status = 422 if form.errors else 200
        context = {**self._context(self.label), "form": form, "page": self}
        return render(self.request, "admin/service_page.html", context, status=status)

    def _context(self, title: str) -> dict[str, Any]:
        self.request.current_app = self.admin.admin_site.name
        return {
            **self.admin.admin_site.each_context(self.request),
            "title": title,
            "opts": self.admin.opts,
            "original": self.target,
            "next": self.after(),
        }

    @classmethod
    def button(
        cls, admin: "ScopedAdmin", target: Model | None = None
    ) -> dict[str, Any]:
        """As unfold's header wants to have it."""
        name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}_{cls.slug}"
        variant = ActionVariant.DANGER if cls.danger else ActionVariant.DEFAULT
        return {
            "title": cls.label,
            "icon": cls.icon,
            "variant": variant,
            "attrs": {},
            "path": reverse(name, args=[target.pk] if target else []),
        }

    @classmethod
    def list_button(cls, admin: "ScopedAdmin", request: HttpRequest) -> dict[str, Any]:
        """The button above the list that this request shows."""
        return cls.button(admin)


class ServicePage(AdminPage):
    """A page whose form is handed to one service."""

    @abstractmethod
    def perform(self, data: dict[str, Any]) -> str | Secret:
        """Call the service; return what to say."""

    @sensitive_variables("done")
    def respond(self) -> HttpResponse:
        form = self._form()
        if self.request.method != "POST" or not form.is_valid():
            return self._show(form)
        try:
            done = self.perform(form.cleaned_data)
        except Refusal as refusal:
            _add_errors(form, refusal.errors or {NON_FIELD_ERRORS: [refusal.detail]})
            return self._show(form)
        except ValidationError as error:
            found = getattr(error, "message_dict", {NON_FIELD_ERRORS: error.messages})
            _add_errors(form, found)
            return self._show(form)
        if isinstance(done, Secret):
            return self._show_once(done)
        messages.success(self.request, done)
        return HttpResponseRedirect(self.after())

    def _show_once(self, secret: Secret) -> HttpResponse:
        context = {**self._context(secret.title), "secret": secret}
        response = render(self.request, "admin/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response


def address(admin: "ScopedAdmin", target: Model | None) -> str:
    """The object's page, or the list while there is no object."""
    name = f"admin:{admin.opts.app_label}_{admin.opts.model_name}"
    if target is None or target.pk is None:
        return reverse(f"{name}_changelist")
    return reverse(f"{name}_change", args=[target.pk])


def _add_errors(form: AdminForm, found: Any) -> None:
    for field, texts in found.items():
        form.add_error(field if field in form.fields else None, list(texts))
