"""What admins do with organizations and with the people in them."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.accounts.admin_pages import PersonForm, first_password, person_of
from apps.accounts.models import User
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.selectors import person_called
from apps.organizations.services import (
    admit_person,
    create_organization,
    end_membership,
    grant_membership,
    rename_organization,
)
from ptm_site.admin_pages import (
    AdminForm,
    AdminPage,
    Secret,
    ServicePage,
    choose,
    choose_value,
    named,
)

ROLES_HELP = (
    "A viewer reads, a researcher also sends tasks, a data steward approves runs on"
    " the node, an admin also manages people and nodes."
)


class NameForm(AdminForm):
    name = forms.CharField(max_length=200)


class CreateOrganization(ServicePage):
    slug, label, icon = "add", "Create organization", "domain_add"
    form_class = NameForm
    introduction = (
        "A site that takes part: a hospital, a registry. Give it an admin next: only"
        " its own admin can let nodes in and answer invitations."
    )

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return reader.is_superuser

    def perform(self, data: dict[str, Any]) -> str:
        self.target = create_organization(name=data["name"], actor=self.actor)
        return f"{named(self.target)} is created."


class RenameOrganization(ServicePage):
    slug, label = "rename", "Rename"
    form_class = NameForm

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Organization.objects.permitted_to(reader, "manage_members")

    def initial(self) -> dict[str, Any]:
        return {"name": self.target.name}

    def perform(self, data: dict[str, Any]) -> str:
        rename_organization(
            organization=self.target, name=data["name"], actor=self.actor
        )
        return f"The organization is now called {named(data['name'])}."


class OwnOrganizationForm(AdminForm):
    organization = choose("Organization")
    role = choose_value("Role", Role.choices, help_text=ROLES_HELP)

    def limit(self) -> None:
        own = Organization.objects.permitted_to(self.reader, "manage_members")
        self.fields["organization"].queryset = own.order_by("name")  # type: ignore[attr-defined]


class GrantForm(OwnOrganizationForm):
    field_order = ("username", "organization", "role")
    username = forms.CharField(max_length=150)


class AdmitForm(OwnOrganizationForm, PersonForm):
    """Who, then where and as what: fields of the last base come first."""


class OfOwnOrganizations(AdminPage):
    """Open to whoever manages the people of an organization."""

    @classmethod
    def open_to(cls, reader: User) -> bool:
        own = Organization.objects.permitted_to(reader, "manage_members")
        return bool(own.exists())

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        own = Organization.objects.permitted_to(reader, "manage_members")
        others = Membership.objects.exclude(user=reader)
        return others.filter(organization__in=own)


class GrantRole(OfOwnOrganizations, ServicePage):
    slug, label, icon = "add", "Grant a role", "add_moderator"
    form_class = GrantForm
    introduction = (
        "To a person who has an account. An organization's admin names people of the"
        " organizations that they manage; a platform admin names anybody."
    )

    def perform(self, data: dict[str, Any]) -> str:
        role = Role(data["role"])
        self.target = grant_membership(
            user=person_called(data["username"], self.reader),
            organization=data["organization"],
            role=role,
            actor=self.actor,
        )
        who, where = named(data["username"]), named(data["organization"])
        return f"{who} is now {role.label} of {where}."


class AdmitPerson(OfOwnOrganizations, ServicePage):
    slug, label, icon = "new-person", "Add new person", "person_add"
    form_class = AdmitForm
    introduction = "Creates an account with a role and shows its first password once."

    def perform(self, data: dict[str, Any]) -> Secret:
        self.target, password = admit_person(
            person=person_of(data),
            organization=data["organization"],
            role=Role(data["role"]),
            actor=self.actor,
        )
        return first_password(data["username"], password)


class RoleForm(AdminForm):
    role = choose_value("Role", Role.choices, help_text=ROLES_HELP)


class ChangeRole(OfOwnOrganizations, ServicePage):
    slug, label = "role", "Change role"
    form_class = RoleForm

    def initial(self) -> dict[str, Any]:
        return {"role": self.target.role}

    def perform(self, data: dict[str, Any]) -> str:
        role = Role(data["role"])
        grant_membership(
            user=self.target.user,
            organization=self.target.organization,
            role=role,
            actor=self.actor,
        )
        return f"{named(self.target.user)} is now {role.label}."


class EndMembership(OfOwnOrganizations, ServicePage):
    slug, label, icon, danger = "end", "End membership", "person_remove", True

    def consequences(self) -> list[str]:
        who, where = named(self.target.user), named(self.target.organization)
        return [
            f"{who} loses every right that comes from {where}.",
            "Tasks that were sent stay, and their runs go on.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        who = named(self.target.user)
        end_membership(membership=self.target, actor=self.actor)
        self.target = None
        return f"The membership of {who} has ended."
