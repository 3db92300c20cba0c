"""What a collaboration's admins do with its studies."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.accounts.models import User
from apps.collaborations.models import Collaboration, Study
from apps.collaborations.studies import create_study, end_study, update_study
from apps.organizations.models import Organization
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import query_filter, scoped_filter
from ptm_site.admin_pages import AdminForm, ServicePage, named


class StudyForm(AdminForm):
    name = forms.CharField(max_length=200)
    organizations = forms.ModelMultipleChoiceField(
        Organization.objects.none(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Of those that take part. One that leaves the collaboration leaves"
        " the study.",
    )

    def limit(self) -> None:
        collaboration = getattr(self.target, "collaboration", self.target)
        taking_part = Organization.objects.filter(
            participations__in=collaboration.participations.accepted()
        )
        self.fields["organizations"].queryset = taking_part.order_by("name")  # type: ignore[attr-defined]


class CreateStudy(ServicePage):
    """Begins at a collaboration, which says whose organizations can be chosen."""

    slug, label, icon = "study", "New study", "science"
    form_class = StudyForm
    introduction = (
        "Some of the organizations, under a name: who sends a task to the study can"
        " address no other."
    )

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Collaboration.objects.changeable_by(reader)

    def perform(self, data: dict[str, Any]) -> str:
        study = create_study(
            collaboration=self.target,
            name=data["name"],
            organizations=data["organizations"],
            actor=self.actor,
        )
        return f"The study {named(study)} is made."


class OfStudies(ServicePage):
    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        return Study.objects.changeable_by(reader).select_related("collaboration")


class EditStudy(OfStudies):
    slug, label, submit = "edit", "Edit", "Save"
    form_class = StudyForm

    def initial(self) -> dict[str, Any]:
        return {
            "name": self.target.name,
            "organizations": list(self.target.organizations.all()),
        }

    def consequences(self) -> list[str]:
        return ["Tasks that were sent go on, also at organizations that you take out."]

    def perform(self, data: dict[str, Any]) -> str:
        update_study(
            study=self.target,
            name=data["name"],
            organizations=data["organizations"],
            actor=self.actor,
        )
        return "Saved. Tasks that were sent go on."


class EndStudy(OfStudies):
    slug, label, icon, danger = "end", "End study", "block", True

    def consequences(self) -> list[str]:
        return [
            f"No new task can be sent to {named(self.target)}. Those that were sent go"
            " on, and results stay.",
            "Its name stays taken: tasks tell it.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        end_study(study=self.target, actor=self.actor)
        return f"The study {named(self.target)} has ended."


STATES = {
    "going_on": ("Going on", lambda studies: studies.going_on()),
    "ended": ("Ended", lambda studies: studies.exclude(ended_at=None)),
}


@admin.register(Study)
class StudyAdmin(ScopedAdmin):
    """Made at its collaboration; changed and ended here."""

    list_display = ("name_shown", "of", "organizations_shown", "state")
    list_select_related = ("collaboration",)
    list_filter = (
        query_filter("state", "state", STATES),
        scoped_filter(
            "collaboration", "collaboration", Collaboration.objects.visible_to
        ),
    )
    search_fields = ("name", "collaboration__name")
    search_help_text = "A study or a collaboration"
    ordering = ("collaboration__name", "name")
    fields = ("name_shown", "of", "organizations_shown", "state", "since")
    readonly_fields = fields
    pages = (EditStudy, EndStudy)

    def permitted(self, user: User) -> QuerySet[Any]:
        studies = Study.objects.visible_to(user).select_related("collaboration")
        return studies.prefetch_related("organizations")

    @admin.display(description="name", ordering="name")
    def name_shown(self, study: Study) -> Any:
        return shown.words(study.name)

    @admin.display(description="collaboration", ordering="collaboration__name")
    def of(self, study: Study) -> Any:
        return shown.link(study.collaboration)

    @admin.display(description="organizations")
    def organizations_shown(self, study: Study) -> Any:
        return shown.several(shown.words(o.name) for o in study.organizations.all())

    @admin.display(description="state", ordering="ended_at")
    def state(self, study: Study) -> Any:
        if study.ended_at is None:
            return shown.badge(("green", "check", "Going on"))
        return shown.badge(("grey-outline", "x", "Ended"))

    @admin.display(description="made")
    def since(self, study: Study) -> Any:
        return shown.time(study.created_at)
