"""The nodes that could execute a collaboration's tasks, and what each releases."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration
from apps.nodes.models import Node
from apps.organizations.models import Organization


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
    serving: dict[int, list[ServingNode]] = {}
    nodes = Node.objects.serving(collaboration).filter(organization__in=organizations)
    for node in nodes.prefetch_related("enrolments__databases"):
        released = {
            database.label: database.type
            for enrolment in node.enrolments.all()
            if enrolment.collaboration_id == collaboration.pk
            for database in enrolment.databases.all()
        }
        serving.setdefault(node.organization_id, []).append(ServingNode(node, released))
    return serving
