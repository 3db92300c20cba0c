"""The start page: what needs attention, each number with the list behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Participation
from apps.nodes.admin import administered_nodes, awaited, offline, online
from apps.nodes.templatetags.presence import presence
from apps.organizations.admin import own_organizations, without_admin
from apps.tasks.models import Run
from apps.tasks.notes import reason_of
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_shown import list_address
from ptm_site.pages import reader_of

# A growing table is not counted: beyond this, the page says "more than".
COUNTED = 100
SHOWN = 5


@dataclass(frozen=True)
class Matter:
    """A question with its answer: how many, which ones first, and where all are."""

    title: str
    calm: str
    number: int
    rows: list[tuple[Any, Any, Any]]
    where: str

    @property
    def shown_number(self) -> str:
        return f"{COUNTED}+" if self.number > COUNTED else str(self.number)


def _matter(
    title: str,
    calm: str,
    found: QuerySet[Any],
    row: Callable[[Any], tuple[Any, Any, Any]],
    where: str,
) -> Matter:
    first = list(found[: COUNTED + 1])
    return Matter(title, calm, len(first), [row(each) for each in first[:SHOWN]], where)


def nodes_offline(reader: User) -> Matter:
    nodes = administered_nodes(reader)
    found = offline(nodes).select_related("organization")
    return _matter(
        "Nodes offline",
        "Every node is online." if nodes.in_use().exists() else "There is none yet.",
        found.order_by("-last_seen_at", "-pk"),
        lambda node: (shown.link(node), node.organization, presence(node)),
        list_address("nodes_node", presence="offline"),
    )


def _runs(title: str, calm: str, found: QuerySet[Run], attention: str) -> Matter:
    return _matter(
        title,
        calm,
        found.select_related("task", "organization"),
        lambda run: (
            shown.several(
                filter(None, (shown.link(run, run.task.name), reason_of(run)))
            ),
            run.organization,
            shown.age(run.status_since),
        ),
        list_address("tasks_run", attention=attention),
    )


def runs_waiting(reader: User) -> Matter:
    found = Run.objects.visible_to(reader).waiting_long().order_by("status_since")
    title, calm = "Runs waiting for over 10 minutes", "No run waits for a node."
    return _runs(title, calm, found, "waiting")


def runs_failed(reader: User) -> Matter:
    found = Run.objects.visible_to(reader).failed_lately().order_by("-finished_at")
    return _runs("Runs failed within 24 hours", "No run has failed.", found, "failed")


def invitations(reader: User) -> Matter:
    found = Participation.objects.administered_by(reader).filter(
        status=ParticipationStatus.INVITED
    )
    return _matter(
        "Invitations without an answer",
        "Every invitation is answered.",
        found.select_related("organization", "collaboration").order_by("invited_at"),
        lambda each: (
            shown.link(each, each.organization.name),
            each.collaboration,
            shown.age(each.invited_at),
        ),
        list_address("collaborations_participation", status="invited"),
    )


def nobody_in_charge(reader: User) -> Matter:
    """For whoever creates organizations: no admin means no nodes and no answers."""
    return _matter(
        "Organizations without an admin",
        "Every organization has an admin.",
        without_admin(own_organizations(reader)),
        lambda each: (shown.link(each), "", shown.age(each.created_at)),
        list_address("organizations_organization", attention="no_admin"),
    )


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK."""
    from django.contrib import admin

    reader = reader_of(request)
    questions = [nodes_offline, runs_waiting, runs_failed, invitations]
    if reader.is_superuser:
        questions.append(nobody_in_charge)
    nodes = awaited(administered_nodes(reader))
    return {
        **context,
        "matters": [question(reader) for question in questions],
        "nodes_online": online(nodes).count(),
        "nodes_in_use": nodes.count(),
        "steps": [
            step
            for shown_admin in admin.site._registry.values()
            for step in _steps(shown_admin, reader)
        ],
    }


def _steps(model_admin: Any, reader: User) -> list[dict[str, str]]:
    """What this person may begin here."""
    if not isinstance(model_admin, ScopedAdmin):
        return []
    pages = [model_admin.add_page, *model_admin.list_pages]
    return [
        page.button(model_admin)
        for page in pages
        if page is not None and page.on_start and page.open_to(reader)
    ]
