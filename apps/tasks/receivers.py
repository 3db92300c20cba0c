"""What happens in lower apps and concerns runs. One line each: services do the work."""

from typing import Any

from django.dispatch import receiver

from apps.collaborations.events import participation_ended
from apps.collaborations.models import Participation
from apps.nodes.events import node_revoked
from apps.nodes.models import Node
from apps.tasks.dispatch import requeue_runs
from apps.tasks.sweeps import cancel_queued_of


@receiver(participation_ended)
def cancel_queued(participation: Participation, **_: Any) -> None:
    cancel_queued_of(
        collaboration_id=participation.collaboration_id,
        organization_id=participation.organization_id,
    )


@receiver(node_revoked)
def requeue_what_it_held(node: Node, **_: Any) -> None:
    requeue_runs(node.runs.all(), reason="node_revoked")
