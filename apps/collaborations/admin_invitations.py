"""Invitations: who sends them, who answers, and who ends what they led to."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import (
    answer_as_admin,
    answer_invitation,
    invite_called,
    set_may_create_tasks,
    withdraw_invitation,
)
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE
from apps.organizations.models import Organization
from ptm_site.admin_pages import AdminForm, ServicePage, choose, named


class InviteForm(AdminForm):
    collaboration = choose("Collaboration")
    organization = forms.CharField(
        max_length=200,
        help_text="The organization's exact name. Its own admin accepts or declines.",
    )

    def limit(self) -> None:
        managed = Collaboration.objects.changeable_by(self.reader)
        self.fields["collaboration"].queryset = managed.order_by("name")  # type: ignore[attr-defined]


class InviteOrganization(ServicePage):
    slug, label, icon = "add", "Invite an organization", "mail"
    form_class = InviteForm

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return bool(Collaboration.objects.changeable_by(reader).exists())

    def perform(self, data: dict[str, Any]) -> str:
        self.target = invite_called(
            collaboration=data["collaboration"],
            name=data["organization"],
            field="organization",
            asker=self.reader,
        )
        invited = named(self.target.organization)
        return f"{invited} is invited; its admin can answer now."


class OwnAnswer(ServicePage):
    """The organization's own admin answers: nobody can in its stead."""

    answer: ParticipationStatus
    to: ParticipationStatus = ParticipationStatus.INVITED
    said: str

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        own = Organization.objects.with_own_admin(reader)
        return Participation.objects.filter(
            status=cls.to, organization__in=own
        ).select_related("organization", "collaboration")

    def perform(self, data: dict[str, Any]) -> str:
        answer_as_admin(
            participation=self.target, answer=self.answer, admin=self.reader
        )
        own, other = named(self.target.organization), named(self.target.collaboration)
        return f"{own} {self.said} {other}."


class AcceptInvitation(OwnAnswer):
    slug, label, icon = "accept", "Accept", "check"
    answer, said = ParticipationStatus.ACCEPTED, "takes part in"

    def consequences(self) -> list[str]:
        own, other = named(self.target.organization), named(self.target.collaboration)
        return [
            f"Researchers of {other} may send tasks to {own}.",
            "Its nodes still decide what runs: they release databases and images to"
            " no collaboration by themselves.",
        ]


class DeclineInvitation(OwnAnswer):
    slug, label, icon, danger = "decline", "Decline", "block", True
    answer, said = ParticipationStatus.DECLINED, "has declined to take part in"

    def consequences(self) -> list[str]:
        return ["The collaboration's admin can invite the organization again."]


ENDING = [
    "Runs that no node has begun are cancelled, at the organization and of the tasks"
    " that it sent; those under way may finish.",
    "Its members lose their rights in the collaboration. Results that exist stay.",
]


class LeaveCollaboration(OwnAnswer):
    slug, label, icon, danger = "leave", "End participation", "logout", True
    to, answer = ParticipationStatus.ACCEPTED, ParticipationStatus.ENDED
    said = "no longer takes part in"

    def consequences(self) -> list[str]:
        return ENDING


class OfManagers(ServicePage):
    status: ParticipationStatus

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        managed = Collaboration.objects.permitted_to(reader, MANAGE)
        found = Participation.objects.filter(
            status=cls.status, collaboration__in=managed
        )
        return found.select_related("organization", "collaboration")


class WithdrawInvitation(OfManagers):
    slug, label, icon, danger = "withdraw", "Withdraw invitation", "undo", True
    status = ParticipationStatus.INVITED

    def consequences(self) -> list[str]:
        return [f"{named(self.target.organization)} can no longer accept it."]

    def perform(self, data: dict[str, Any]) -> str:
        withdraw_invitation(participation=self.target, actor=self.actor)
        return "The invitation is withdrawn."


class EndParticipation(OfManagers):
    slug, label, icon, danger = "end", "Exclude", "block", True
    status = ParticipationStatus.ACCEPTED

    def consequences(self) -> list[str]:
        first = f"{named(self.target.organization)} no longer takes part."
        return [first, *ENDING]

    def perform(self, data: dict[str, Any]) -> str:
        answer_invitation(
            participation=self.target,
            answer=ParticipationStatus.ENDED,
            actor=self.actor,
        )
        return f"{named(self.target.organization)} no longer takes part."


class OfSenders(ServicePage):
    """Whether the people of an organization that takes part may send tasks."""

    allowed: bool

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        managed = Collaboration.objects.changeable_by(reader)
        found = Participation.objects.accepted().filter(
            collaboration__in=managed, may_create_tasks=not cls.allowed
        )
        return found.select_related("organization", "collaboration")

    def perform(self, data: dict[str, Any]) -> str:
        set_may_create_tasks(
            participation=self.target, allowed=self.allowed, actor=self.actor
        )
        may = "may send" if self.allowed else "sends no"
        return f"{named(self.target.organization)} {may} tasks here."


class AllowSending(OfSenders):
    slug, label, icon, allowed = "allow-sending", "Let it send tasks", "send", True

    def consequences(self) -> list[str]:
        return ["Its researchers and admins may send tasks to the collaboration."]


class StopSending(OfSenders):
    slug, label, icon, danger = "stop-sending", "Stop sending", "block", True
    allowed = False

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target.organization)} sends no new tasks here, and runs none"
            " again. What it has sent goes on, and may be cancelled.",
            "It still takes part: others send it tasks, and its people see what they"
            " saw before.",
        ]
