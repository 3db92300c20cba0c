"""Letting a node in, and shutting one out."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.nodes.models import Node
from apps.nodes.services import (
    CODE_LIFETIME,
    give_back_runs,
    issue_enrolment_code,
    revoke_node,
)
from apps.organizations.models import Organization
from ptm_site.admin_pages import AdminForm, Secret, ServicePage, choose, named
from ptm_site.templatetags.page import in_words


def own_as_admin(reader: User) -> QuerySet[Any]:
    """Not even a platform admin stands in for a hospital: its own admins only."""
    own: QuerySet[Any] = Organization.objects.with_own_admin(reader).order_by("name")
    return own


class CodeForm(AdminForm):
    organization = choose("Organization")

    def limit(self) -> None:
        own = own_as_admin(self.reader)
        self.fields["organization"].queryset = own  # type: ignore[attr-defined]
        if len(own) == 1:
            self.initial.setdefault("organization", own[0].pk)


class AddNode(ServicePage):
    slug, label, icon = "add", "Issue enrolment code", "vpn_key"
    form_class = CodeForm
    introduction = (
        "A one-time code with which one node enrols. Whoever has it can let a node in"
        " for the organization, so hand it to the machine's operator only."
    )

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return own_as_admin(reader).exists()

    def perform(self, data: dict[str, Any]) -> Secret:
        organization = data["organization"]
        code = issue_enrolment_code(organization=organization, issued_by=self.reader)
        return Secret(
            title=f"Enrolment code for {named(organization)}",
            explanation=f"Shown once, for one node, within {in_words(CODE_LIFETIME)}.",
            value=code,
            command=f"ptm-node init --server {settings.PUBLIC_URL} --code {code}"
            " --config node.toml",
            then=(
                "Run this on the node's machine.",
                "Release databases and images in node.toml, then start the node with"
                " ptm-node run --config node.toml.",
                "The node appears in this list, and is online once it has started.",
            ),
        )


class NodePage(ServicePage):
    """For those who manage the node's organization."""

    target: Node

    @classmethod
    def targets(cls, reader: User) -> QuerySet[Any]:
        own = Organization.objects.permitted_to(reader, "manage_nodes")
        return Node.objects.in_use().filter(organization__in=own).with_runs_held()

    def what_goes_back(self) -> str:
        held = getattr(self.target, "runs_held", 0)
        if not held:
            return "It holds no runs at the moment."
        runs = "1 run that it holds goes" if held == 1 else f"{held} runs it holds go"
        return f"{runs} back into the queue, for another node of the organization."


class GiveBackRuns(NodePage):
    slug, label, icon = "give-back", "Give back its runs", "undo"

    def consequences(self) -> list[str]:
        return [
            self.what_goes_back(),
            "Meant for a node that will not be back in time. If it does come back, it"
            " ends what it still works on, and no result of that is taken.",
            "Its key stays good: it may claim new runs.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        give_back_runs(node=self.target, actor=self.actor)
        return f"{named(self.target.name)} is not waited for any longer."


class RevokeNode(NodePage):
    slug, label, icon, danger = "revoke", "Revoke", "block", True

    def consequences(self) -> list[str]:
        return [
            f"{named(self.target.name)} is shut out for good; its key opens nothing.",
            self.what_goes_back(),
            "Results that it has delivered stay. To use the machine again, enrol it"
            " with a new code.",
        ]

    def perform(self, data: dict[str, Any]) -> str:
        revoke_node(node=self.target, actor=self.actor)
        return f"{named(self.target.name)} is revoked."
