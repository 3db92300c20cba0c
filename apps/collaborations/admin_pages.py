"""What admins do with collaborations."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.collaborations.services import (
    archive_collaboration,
    create_collaboration,
    set_collaboration_admins,
    update_collaboration,
)
from apps.errors import Invalid
from ptm_site.admin_pages import AdminForm, ServicePage, choose_value, named

MAX_ADMINS = 50
MAX_OPEN_TASKS = 1_000_000
POLICY = (
    "purpose",
    "visibility",
    "deadline_days",
    "expires_at",
    "open_tasks_per_user",
)


def policy_of(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in POLICY}


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
    expires_at = forms.DateTimeField(
        label="Expires at",
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        help_text="UTC. From then on nobody sends a task; those that were sent go on."
        " Empty: it does not expire.",
    )
    open_tasks_per_user = forms.IntegerField(
        label="Open tasks of one person",
        min_value=1,
        max_value=MAX_OPEN_TASKS,
        required=False,
        help_text="How many each person may have open at a time. Empty: any number.",
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
    slug, label, icon = "add", "Create collaboration", "group_add"
    form_class = CollaborationForm
    introduction = "Organizations that compute together. Invite them next."

    def perform(self, data: dict[str, Any]) -> str:
        self.target = create_collaboration(
            name=data["name"],
            actor=self.actor,
            **policy_of(data),
        )
        return f"{named(self.target)} is created."


class EditCollaboration(ServicePage):
    slug, label, submit = "edit", "Edit", "Save"
    form_class = PolicyForm

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Collaboration.objects.changeable_by(reader)

    def initial(self) -> dict[str, Any]:
        return {name: getattr(self.target, name) for name in POLICY}

    def perform(self, data: dict[str, Any]) -> str:
        update_collaboration(
            collaboration=self.target,
            actor=self.actor,
            **policy_of(data),
        )
        return "Saved. Tasks that exist keep what they were sent with."


class ArchiveCollaboration(ServicePage):
    slug, label, icon, danger = "archive", "Archive", "inventory_2", True

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Collaboration.objects.changeable_by(reader)

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target)} ends for good: no new tasks, and nothing in it"
            " changes any more. To go on, organizations consent to a new one.",
            "Runs that no node has begun are cancelled; those under way may finish.",
            "Open invitations are withdrawn.",
            "Tasks and results stay, for those who see them now.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        archive_collaboration(collaboration=self.target, actor=self.actor)
        return f"{named(self.target)} is archived."


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
