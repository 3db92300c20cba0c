"""The nodes that could execute a collaboration's tasks, and what each releases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration
from apps.nodes.models import DatabaseRelease, Node
from apps.organizations.models import Organization
from apps.prepared import Prepared


@dataclass(frozen=True)
class ServingNode:
    node: Node
    released: dict[str, str]  # to this collaboration: label to type

    def runs(self, version: AlgorithmVersion) -> bool:
        return version.contract in self.node.contracts


def serving_nodes(
    collaboration: Collaboration, organizations: Sequence[Organization]
) -> dict[int, list[ServingNode]]:
    """Return, by organization, the nodes that serve the collaboration."""
    named = {f"organization{n}": each.pk for n, each in enumerate(organizations)}
    asked = {"collaboration": collaboration.pk, **named}
    released: dict[int, dict[str, str]] = {}
    for row in _released.rows(**asked):
        labels = released.setdefault(row["enrolment__node"], {})
        labels[row["label"]] = row["type"]
    serving: dict[int, list[ServingNode]] = {}
    for node in _serving.objects(**asked):
        site = serving.setdefault(node.organization_id, [])
        site.append(ServingNode(node, released.get(node.pk, {})))
    return serving


def _build_serving(*, collaboration: int, **organizations: int) -> QuerySet[Any, Any]:
    nodes = Node.objects.serving(Collaboration(pk=collaboration))
    return nodes.filter(organization__in=organizations.values())


def _build_released(*, collaboration: int, **organizations: int) -> QuerySet[Any, Any]:
    released = DatabaseRelease.objects.filter(
        enrolment__collaboration=collaboration,
        enrolment__node__organization__in=organizations.values(),
    )
    return released.order_by("pk").values("enrolment__node", "label", "type")


_serving = Prepared(_build_serving)
_released = Prepared(_build_released)
