"""What a platform admin does with people."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.accounts.people import (
    NewPerson,
    create_person,
    renew_password,
    set_active,
)
from ptm_site.admin_pages import AdminForm, Secret, ServicePage, named


class PersonForm(AdminForm):
    username = forms.CharField(max_length=150)
    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    email = forms.EmailField(required=False)


def person_of(data: dict[str, Any]) -> NewPerson:
    names = ("username", "first_name", "last_name", "email")
    return NewPerson(**{name: data[name] for name in names})


def first_password(username: str, password: str) -> Secret:
    return Secret(
        title=f"Password of {named(username)}",
        explanation="This password is shown once. Hand it over in person or by phone.",
        value=password,
        then=("After signing in, it is changed on the account page.",),
    )


class PeoplePage(ServicePage):
    target: User

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return reader.is_superuser

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        others = User.objects.exclude(pk=reader.pk)
        return others if reader.is_superuser else User.objects.none()


class CreatePerson(PeoplePage):
    slug, label, icon = "add", "Create person", "person_add"
    form_class = PersonForm
    introduction = "A person without a role sees nothing until one is granted."

    def perform(self, data: dict[str, Any]) -> Secret:
        user, password = create_person(person=person_of(data), actor=self.actor)
        self.target = user
        return first_password(user.username, password)


class RenewPassword(PeoplePage):
    slug, label, icon = "password", "New password", "key"

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target)} gets a new password, which is shown to you once.",
            "Every session ends; access tokens stay as they are.",
        ]

    def perform(self, data: dict[str, Any]) -> Secret:
        password = renew_password(user=self.target, actor=self.actor)
        return first_password(self.target.username, password)


class DeactivatePerson(PeoplePage):
    slug, label, icon, danger = "deactivate", "Deactivate", "person_off", True

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return super().targets(reader).filter(is_active=True)

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target)} can no longer sign in, and every access token of"
            " theirs is deleted.",
            "Tasks and results stay; runs under way go on.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        set_active(user=self.target, active=False, actor=self.actor)
        return f"{named(self.target)} is deactivated."


class ReactivatePerson(PeoplePage):
    slug, label, icon = "reactivate", "Reactivate", "person_check"

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return super().targets(reader).filter(is_active=False)

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target)} may sign in again, with the roles held before.",
            "Access tokens are gone: new ones are made on the account page.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        set_active(user=self.target, active=True, actor=self.actor)
        return f"{named(self.target)} may sign in again."
