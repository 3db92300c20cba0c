"""Registering versions, and saying where they may run."""

import json
from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold import widgets

from apps.accounts.models import User
from apps.algorithms.choices import VersionStatus
from apps.algorithms.manifests import MAX_BYTES
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import (
    allow_image,
    allow_version,
    disallow_version,
    register_version,
    reinstate_version,
    withdraw_version,
)
from apps.collaborations.models import Collaboration
from ptm_site.admin_pages import AdminForm, ServicePage, address, choose, named

IMAGE_HELP = "host/name:tag, or pinned by digest: host/name@sha256:…"


class RegisterForm(AdminForm):
    image = forms.CharField(max_length=500, help_text=IMAGE_HELP)
    manifest = forms.CharField(
        required=False,
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
        help_text="The image's manifest.json, as text or as a file.",
    )
    manifest_file = forms.FileField(
        label="Manifest as a file",
        required=False,
        widget=widgets.UnfoldAdminFileFieldWidget(),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        file = data.get("manifest_file")
        text = file.read(MAX_BYTES + 1) if file else data.get("manifest", "")
        if "manifest" not in self.errors:
            data["parsed"] = self._parse(text)
        return data

    def _parse(self, text: str | bytes) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            where = f"{error.msg}, line {error.lineno}"
            self.add_error("manifest", f"This is not JSON: {where}.")
        except (ValueError, RecursionError):
            self.add_error("manifest", "This is not JSON.")


class OfPlatformAdmin(ServicePage):
    status: VersionStatus

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return reader.is_superuser

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        found = AlgorithmVersion.objects.filter(status=cls.status)
        return found if reader.is_superuser else found.none()


class RegisterVersion(OfPlatformAdmin):
    slug, label, icon = "add", "Register a version", "note_add"
    form_class = RegisterForm
    introduction = (
        "Pins what the registry holds for this image now, by its digest. It runs"
        " nowhere until a collaboration allows it."
    )

    def perform(self, data: dict[str, Any]) -> str:
        self.target = register_version(
            image=data["image"], manifest=data["parsed"], actor=self.actor
        )
        return f"{named(self.target.algorithm)} is registered. Allow it next."


class CollaborationForm(AdminForm):
    collaboration = choose("Collaboration")

    def limit(self) -> None:
        found = self.offered(Collaboration.objects.changeable_by(self.reader))
        self.fields["collaboration"].queryset = found.order_by("name")  # type: ignore[attr-defined]

    def offered(self, managed: QuerySet[Any]) -> QuerySet[Any]:
        return managed


class ImageForm(CollaborationForm):
    field_order = ("image",)
    image = forms.CharField(
        max_length=500, help_text=f"{IMAGE_HELP} It must be registered already."
    )


class NotYetAllowingForm(CollaborationForm):
    def offered(self, managed: QuerySet[Any]) -> QuerySet[Any]:
        return managed.exclude(allowed_versions=self.target)


class AllowingForm(CollaborationForm):
    def offered(self, managed: QuerySet[Any]) -> QuerySet[Any]:
        return managed.filter(allowed_versions=self.target)


class OfManagers(ServicePage):
    """For the admins of collaborations, who allow versions in them."""

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return bool(Collaboration.objects.changeable_by(reader).exists())

    def allowed(self, version: AlgorithmVersion, collaboration: Collaboration) -> str:
        return f"{named(collaboration)} allows {named(version.algorithm)} now."


class AllowImage(OfManagers):
    slug, label, icon = "allow-image", "Allow an image", "add_task"
    form_class = ImageForm
    introduction = "Members of the collaboration may send tasks with it from now on."

    def perform(self, data: dict[str, Any]) -> str:
        collaboration = data["collaboration"]
        self.target = allow_image(
            image=data["image"], collaboration=collaboration, asker=self.reader
        )
        return self.allowed(self.target, collaboration)


class AllowVersion(OfManagers):
    slug, label, icon = "allow", "Allow", "add_task"
    form_class = NotYetAllowingForm
    introduction = AllowImage.introduction

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        if not cls.open_to(reader):
            return AlgorithmVersion.objects.none()
        visible = AlgorithmVersion.objects.visible_to(reader)
        return visible.filter(status=VersionStatus.ACTIVE).select_related("algorithm")

    def perform(self, data: dict[str, Any]) -> str:
        collaboration = data["collaboration"]
        allow_version(
            version=self.target, collaboration=collaboration, actor=self.actor
        )
        return self.allowed(self.target, collaboration)


class DisallowVersion(OfManagers):
    slug, label, icon, danger = "disallow", "No longer allow", "block", True
    form_class = AllowingForm

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        managed = Collaboration.objects.changeable_by(reader)
        allowed = AlgorithmVersion.objects.filter(collaborations__in=managed)
        return allowed.select_related("algorithm").distinct()

    def consequences(self) -> list[str]:
        return ["No new task can use it there. Tasks that were sent go on."]

    def perform(self, data: dict[str, Any]) -> str:
        disallow_version(
            version=self.target, collaboration=data["collaboration"], actor=self.actor
        )
        where, what = named(data["collaboration"]), named(self.target.algorithm)
        return f"{where} no longer allows {what}."

    def after(self) -> str:
        """The list: the version itself may be out of sight now."""
        return address(self.admin, None)


class WithdrawVersion(OfPlatformAdmin):
    slug, label, icon, danger = "withdraw", "Withdraw", "delete_forever", True
    status = VersionStatus.ACTIVE

    def consequences(self) -> list[str]:
        return [
            "No collaboration can use this version for new tasks.",
            "Tasks that were sent go on; results stay.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        withdraw_version(version=self.target, actor=self.actor)
        return f"{named(self.target.image)} is withdrawn."


class ReinstateVersion(OfPlatformAdmin):
    slug, label, icon = "reinstate", "Reinstate", "undo"
    status = VersionStatus.WITHDRAWN

    def consequences(self) -> list[str]:
        return ["Collaborations that allow this version can use it again."]

    def perform(self, data: dict[str, Any]) -> str:
        reinstate_version(version=self.target, actor=self.actor)
        return f"{named(self.target.image)} is active again."
