"""What admins do with collaborations."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.collaborations.selectors import MANAGE
from apps.collaborations.services import (
    create_collaboration,
    set_collaboration_admins,
    update_collaboration,
)
from apps.errors import Invalid
from ptm_site.admin_pages import AdminForm, ServicePage, choose_value, named

MAX_ADMINS = 50


class PolicyForm(AdminForm):
    purpose = forms.CharField(
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Organizations read this before they accept.",
    )
    visibility = choose_value(
        "Results are seen by",
        Visibility.choices,
        initial=Visibility.ORGANIZATION,
        help_text="For tasks sent from now on. A site always sees its own runs.",
    )
    deadline_days = forms.IntegerField(
        label="Runs end after (days)", min_value=1, max_value=365, initial=30
    )


class CollaborationForm(PolicyForm):
    field_order = ("name",)
    name = forms.CharField(max_length=200)


class OfPlatformAdmin(ServicePage):
    @classmethod
    def open_to(cls, reader: User) -> bool:
        return reader.is_superuser

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        everything = Collaboration.objects.all()
        return everything if reader.is_superuser else everything.none()


class CreateCollaboration(OfPlatformAdmin):
    slug, label = "add", "Create collaboration"
    form_class = CollaborationForm
    introduction = "Organizations that compute together. Invite them next."

    def perform(self, data: dict[str, Any]) -> str:
        self.target = create_collaboration(
            name=data["name"],
            purpose=data["purpose"],
            visibility=Visibility(data["visibility"]),
            deadline_days=data["deadline_days"],
            actor=self.actor,
        )
        return f"{named(self.target)} is created."


class EditCollaboration(ServicePage):
    slug, label = "edit", "Edit"
    form_class = PolicyForm

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Collaboration.objects.permitted_to(reader, MANAGE)

    def initial(self) -> dict[str, Any]:
        names = ("purpose", "visibility", "deadline_days")
        return {name: getattr(self.target, name) for name in names}

    def perform(self, data: dict[str, Any]) -> str:
        update_collaboration(
            collaboration=self.target,
            purpose=data["purpose"],
            visibility=Visibility(data["visibility"]),
            deadline_days=data["deadline_days"],
            actor=self.actor,
        )
        return "Saved. Tasks that exist keep what they were sent with."


class AdminsForm(AdminForm):
    usernames = forms.CharField(
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One username a line. They may invite organizations and allow"
        " algorithms; what an organization does they cannot decide.",
    )


class SetAdmins(OfPlatformAdmin):
    slug, label, icon = "admins", "Choose admins", "manage_accounts"
    form_class = AdminsForm

    def initial(self) -> dict[str, Any]:
        names = self.target.admins.order_by("username")
        return {"usernames": "\n".join(names.values_list("username", flat=True))}

    def perform(self, data: dict[str, Any]) -> str:
        wanted = set(data["usernames"].split())
        people = list(User.objects.filter(username__in=sorted(wanted)[:MAX_ADMINS]))
        if unknown := wanted - {person.username for person in people}:
            detail = f"There is no person called {named(sorted(unknown)[0])}."
            raise Invalid("usernames", "person_unknown", detail)
        set_collaboration_admins(
            collaboration=self.target, admins=people, actor=self.actor
        )
        return "The admins are set."
