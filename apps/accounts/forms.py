from datetime import timedelta
from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from django import forms

from apps.accounts.choices import TokenScope
from ptm_site.forms import PortalForm

LIFETIMES = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "365 days"))


class SignInForm(PortalForm, LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_placeholders(self)
        self.fields["login"].label = "User name"
        if not self.is_bound:
            self.fields["login"].widget.attrs["autofocus"] = True


class PasswordForm(PortalForm, ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _without_placeholders(self)
        self.fields["oldpassword"].label = "Current password"
        self.fields["password1"].label = "New password"
        self.fields["password2"].label = "New password, once more"


def _without_placeholders(form: forms.Form) -> None:
    """The label says it already, and stays when something is typed."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class TokenForm(PortalForm):
    name = forms.CharField(
        max_length=100,
        help_text="Where it will be used, for example “laptop” or “nightly script”.",
    )
    scope = forms.ChoiceField(
        label="What it may do",
        choices=(
            (TokenScope.READ, "Read: sees what you see, changes nothing."),
            (TokenScope.TASKS, "Tasks: also sends, cancels and repeats tasks."),
            (
                TokenScope.ADMIN,
                "Administration: also manages what you may manage.",
            ),
        ),
        initial=TokenScope.TASKS,
        widget=forms.RadioSelect,
    )
    lifetime = forms.TypedChoiceField(
        label="Ends after", choices=LIFETIMES, coerce=int, initial=90
    )

    @property
    def lifetime_span(self) -> timedelta:
        return timedelta(days=self.cleaned_data["lifetime"])
