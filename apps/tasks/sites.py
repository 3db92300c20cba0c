"""The nodes that could execute a collaboration's tasks, and what each releases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration
from apps.nodes.models import DatabaseRelease, Node
from apps.organizations.models import Organization
from apps.prepared import Prepared

# Of databases by label: names and types, None where they are not shared.
Announced = dict[str, list[dict[str, str]] | None]


@dataclass(frozen=True)
class ServingNode:
    node: Node
    released: dict[str, str]  # to this collaboration: label to type
    columns: Announced = field(default_factory=dict)  # if they were asked for

    def runs(self, version: AlgorithmVersion) -> bool:
        return version.contract in self.node.contracts


def serving_nodes(
    collaboration: Collaboration,
    organizations: Sequence[Organization],
    *,
    with_columns: bool = False,
) -> dict[int, list[ServingNode]]:
    """Return, by organization, the nodes that serve the collaboration."""
    named = {f"organization{n}": each.pk for n, each in enumerate(organizations)}
    asked = {"collaboration": collaboration.pk, **named}
    released: dict[int, dict[str, str]] = {}
    columns: dict[int, Announced] = {}
    for row in _released.rows(with_columns, **asked):
        node, label = row["enrolment__node"], row["label"]
        released.setdefault(node, {})[label] = row["type"]
        columns.setdefault(node, {})[label] = row.get("columns")
    serving: dict[int, list[ServingNode]] = {}
    for node in _serving.objects(**asked):
        site = serving.setdefault(node.organization_id, [])
        offered = released.get(node.pk, {}), columns.get(node.pk, {})
        site.append(ServingNode(node, *offered))
    return serving


def _build_serving(*, collaboration: int, **organizations: int) -> QuerySet[Any, Any]:
    nodes = Node.objects.serving(Collaboration(pk=collaboration))
    return nodes.filter(organization__in=organizations.values())


def _build_released(
    with_columns: bool, *, collaboration: int, **organizations: int
) -> QuerySet[Any, Any]:
    released = DatabaseRelease.objects.filter(
        enrolment__collaboration=collaboration,
        enrolment__node__organization__in=organizations.values(),
    )
    # They may be many: read only where a task names columns.
    columns = ["columns"] if with_columns else []
    rows: QuerySet[Any, Any] = released.order_by("pk").values(
        "enrolment__node", "label", "type", *columns
    )
    return rows


_serving = Prepared(_build_serving)
_released = Prepared(_build_released)
