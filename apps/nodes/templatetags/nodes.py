"""What pages of lower apps show of nodes, which they cannot know."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import template
from django.db.models import Prefetch
from django.template.context import RequestContext

from apps.collaborations.models import Collaboration, Participation
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.organizations.models import Organization
from ptm_site.pages import reader_of

register = template.Library()

Served = dict[tuple[int, int], list[Enrolment]]


@dataclass(frozen=True)
class Site:
    """An organization in a collaboration, and how its nodes serve it."""

    participation: Participation
    enrolments: list[Enrolment]


@dataclass(frozen=True)
class Row:
    """A collaboration in a list, and how many of its nodes are there."""

    collaboration: Collaboration
    online: int
    nodes: int


@register.simple_tag
def with_nodes(participations: Iterable[Participation]) -> list[Site]:
    """Pair each participation with the nodes of that organization that serve it."""
    rows = list(participations)
    served = _served({row.collaboration_id for row in rows}, databases=True)
    return [
        Site(row, served[row.collaboration_id, row.organization_id]) for row in rows
    ]


@register.simple_tag
def with_online(collaborations: Iterable[Collaboration]) -> list[Row]:
    """Count the nodes of each collaboration, in one query for all."""
    rows = list(collaborations)
    served = _served({row.pk for row in rows}, databases=False)
    found = []
    for row in rows:
        nodes = [
            enrolment.node
            for member in row.participations.all()
            for enrolment in served[row.pk, member.organization_id]
        ]
        found.append(Row(row, sum(node.is_online for node in nodes), len(nodes)))
    return found


def _databases() -> "Prefetch[Any]":
    """Without their columns, which may be many."""
    return Prefetch("databases", DatabaseRelease.objects.defer("columns"))


def _served(collaborations: set[int], *, databases: bool) -> Served:
    enrolments = Enrolment.objects.filter(
        collaboration__in=collaborations, node__revoked_at=None
    ).select_related("node")
    if databases:
        enrolments = enrolments.prefetch_related(_databases())
    served: Served = defaultdict(list)
    for enrolment in enrolments.order_by("node"):
        key = enrolment.collaboration_id, enrolment.node.organization_id
        served[key].append(enrolment)
    return served


@register.inclusion_tag("nodes/of_organization.html", takes_context=True)
def nodes_of(context: RequestContext, organization: Organization) -> dict[str, object]:
    """The nodes in use, with what they release to the reader's collaborations."""
    # A node may serve collaborations that are none of this reader's business.
    shown = Enrolment.objects.filter(
        collaboration__in=Collaboration.objects.visible_to(
            reader_of(context["request"])
        )
    )
    nodes = Node.objects.in_use().filter(organization=organization)
    return {
        "nodes": nodes.prefetch_related(
            Prefetch(
                "enrolments",
                queryset=shown.select_related("collaboration").prefetch_related(
                    _databases()
                ),
            ),
            "online_days",
        )
    }
