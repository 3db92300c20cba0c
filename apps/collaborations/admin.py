from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.accounts.models import User
from apps.collaborations.admin_invitations import (
    AcceptInvitation,
    AllowSending,
    DeclineInvitation,
    EndParticipation,
    InviteOrganization,
    LeaveCollaboration,
    StopSending,
    WithdrawInvitation,
)
from apps.collaborations.admin_members import ExportOrganizations, ImportOrganizations
from apps.collaborations.admin_pages import (
    ArchiveCollaboration,
    CreateCollaboration,
    EditCollaboration,
    SetAdmins,
)
from apps.collaborations.admin_studies import CreateStudy
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.models import Collaboration, Participation
from apps.organizations.models import Organization
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import choice_filter, query_filter, scoped_filter

OVER = Q(expires_at__lte=Now())
COLLABORATION_STATES = {
    "open": ("Takes tasks", lambda rows: rows.exclude(OVER).filter(archived_at=None)),
    "expired": ("Expired", lambda rows: rows.filter(OVER, archived_at=None)),
    "archived": ("Archived", lambda rows: rows.exclude(archived_at=None)),
}


@admin.register(Collaboration)
class CollaborationAdmin(ScopedAdmin):
    list_display = ("name_shown", "organizations", "policy", "admins_shown", "state")
    list_filter = (query_filter("state", "state", COLLABORATION_STATES),)
    search_fields = ("name",)
    search_help_text = "A name"
    ordering = ("name",)
    fields = (
        "name_shown",
        "state",
        "purpose_shown",
        "visibility_shown",
        "policy",
        "expiry",
        "limit",
        "admins_shown",
        "organizations",
        "more",
        "since",
        "changes",
    )
    readonly_fields = fields
    add_page = CreateCollaboration
    pages = (EditCollaboration, CreateStudy, SetAdmins, ArchiveCollaboration)

    def permitted(self, user: User) -> QuerySet[Any]:
        return Collaboration.objects.readable_by(user).prefetch_related(
            "admins", "participations"
        )

    @admin.display(description="name", ordering="name")
    def name_shown(self, collaboration: Collaboration) -> Any:
        return shown.words(collaboration.name)

    @admin.display(description="purpose")
    def purpose_shown(self, collaboration: Collaboration) -> Any:
        return shown.words(collaboration.purpose)

    @admin.display(description="results are seen by")
    def visibility_shown(self, collaboration: Collaboration) -> str:
        return Visibility(collaboration.visibility).label.capitalize()

    @admin.display(description="runs end after", ordering="deadline_days")
    def policy(self, collaboration: Collaboration) -> str:
        return shown.counted(collaboration.deadline_days, "day")

    @admin.display(description="state")
    def state(self, collaboration: Collaboration) -> Any:
        if collaboration.is_archived:
            return shown.badge(("grey-outline", "x", "Archived"))
        if collaboration.is_expired:
            return shown.badge(("grey-outline", "hourglass-off", "Expired"))
        return shown.badge(("green", "check", "Takes tasks"))

    @admin.display(description="takes new tasks until")
    def expiry(self, collaboration: Collaboration) -> Any:
        until = collaboration.archived_at or collaboration.expires_at
        return shown.time(until) if until else "It does not expire"

    @admin.display(description="open tasks of one person")
    def limit(self, collaboration: Collaboration) -> str:
        limit = collaboration.open_tasks_per_user
        return f"At most {limit}" if limit else "Any number"

    @admin.display(description="admins")
    def admins_shown(self, collaboration: Collaboration) -> Any:
        names = [person.username for person in collaboration.admins.all()]
        return shown.words(", ".join(sorted(names))) if names else "None yet"

    @admin.display(description="organizations")
    def organizations(self, collaboration: Collaboration) -> Any:
        states = [p.status for p in collaboration.participations.all()]
        accepted = states.count(ParticipationStatus.ACCEPTED)
        invited = states.count(ParticipationStatus.INVITED)
        text = shown.counted(accepted, "organization")
        text += f", {invited} invited" if invited else ""
        where = "collaborations_participation"
        return shown.list_link(where, text, collaboration=collaboration.pk)

    @admin.display(description="work")
    def more(self, collaboration: Collaboration) -> Any:
        where = {"collaboration": collaboration.pk}
        return shown.several(
            (
                shown.list_link("tasks_task", "Tasks", **where),
                shown.list_link(
                    "algorithms_algorithmversion", "Allowed algorithms", **where
                ),
                shown.list_link("collaborations_study", "Studies", **where),
            )
        )

    @admin.display(description="created")
    def since(self, collaboration: Collaboration) -> Any:
        return shown.time(collaboration.created_at)

    @admin.display(description="changes")
    def changes(self, collaboration: Collaboration) -> Any:
        return shown.history_link(collaboration)


@admin.register(Participation)
class ParticipationAdmin(ScopedAdmin):
    """Invitations, and the organizations that take part."""

    list_display = ("who", "collaboration_shown", "state", "invited")
    list_select_related = ("organization", "collaboration")
    list_filter = (
        choice_filter("state", "status", ParticipationStatus.choices),
        scoped_filter(
            "collaboration", "collaboration", Collaboration.objects.readable_by
        ),
        scoped_filter(
            "organization", "organization", Organization.objects.administered_by
        ),
    )
    search_fields = ("organization__name", "collaboration__name")
    search_help_text = "An organization or a collaboration"
    ordering = ("-id",)
    fields = (
        "organization_shown",
        "collaboration_shown",
        "purpose",
        "policy",
        "state",
        "sending",
        "invited",
        "answered",
        "changes",
    )
    readonly_fields = fields
    add_page = InviteOrganization
    list_pages = (ImportOrganizations, ExportOrganizations)
    pages = (
        AcceptInvitation,
        DeclineInvitation,
        WithdrawInvitation,
        LeaveCollaboration,
        AllowSending,
        StopSending,
        EndParticipation,
    )

    def permitted(self, user: User) -> QuerySet[Any]:
        return Participation.objects.administered_by(user).select_related(
            "organization", "collaboration"
        )

    @admin.display(description="organization", ordering="organization__name")
    def who(self, participation: Participation) -> Any:
        return shown.words(participation.organization.name)

    @admin.display(description="organization")
    def organization_shown(self, participation: Participation) -> Any:
        if participation.status == ParticipationStatus.ACCEPTED:
            return shown.link(participation.organization)
        return shown.words(participation.organization)

    @admin.display(description="collaboration", ordering="collaboration__name")
    def collaboration_shown(self, participation: Participation) -> Any:
        if participation.status in OVER_FOR_GOOD:
            return shown.words(participation.collaboration)
        return shown.link(participation.collaboration)

    @admin.display(description="purpose")
    def purpose(self, participation: Participation) -> Any:
        if participation.status in OVER_FOR_GOOD:
            return shown.NOTHING
        return shown.words(participation.collaboration.purpose)

    @admin.display(description="policy")
    def policy(self, participation: Participation) -> str:
        if participation.status in OVER_FOR_GOOD:
            return shown.NOTHING
        collaboration = participation.collaboration
        seen = Visibility(collaboration.visibility).label
        days = shown.counted(collaboration.deadline_days, "day")
        return f"Results are seen by: {seen}. A run ends after {days}."

    @admin.display(description="state", ordering="status")
    def state(self, participation: Participation) -> Any:
        return shown.badge(STATES[ParticipationStatus(participation.status)])

    @admin.display(description="may send tasks")
    def sending(self, participation: Participation) -> str:
        return "Yes" if participation.may_create_tasks else "No"

    @admin.display(description="invited", ordering="invited_at")
    def invited(self, participation: Participation) -> Any:
        return shown.time(participation.invited_at)

    @admin.display(description="last answer")
    def answered(self, participation: Participation) -> Any:
        return shown.time(participation.answered_at)

    @admin.display(description="changes")
    def changes(self, participation: Participation) -> Any:
        return shown.history_link(participation)


# What the collaboration has become since is no business of who left it.
OVER_FOR_GOOD = (ParticipationStatus.DECLINED, ParticipationStatus.ENDED)
STATES = {
    ParticipationStatus.INVITED: ("amber", "user-question", "Invited"),
    ParticipationStatus.ACCEPTED: ("green", "check", "Takes part"),
    ParticipationStatus.DECLINED: ("violet", "hand-stop", "Declined"),
    ParticipationStatus.ENDED: ("grey-outline", "x", "Ended"),
}
