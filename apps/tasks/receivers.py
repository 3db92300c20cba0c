"""What happens in lower apps and concerns runs. One line each: services do the work."""

from typing import Any

from django.dispatch import receiver

from apps.audit.actors import Actor
from apps.collaborations.events import collaboration_archived, participation_ended
from apps.collaborations.models import Collaboration, Participation
from apps.nodes.events import node_given_up, node_revoked
from apps.nodes.models import Node
from apps.tasks.dispatch import requeue_runs
from apps.tasks.models import Run
from apps.tasks.sweeps import cancel_queued


@receiver(participation_ended)
def cancel_queued_of(participation: Participation, **_: Any) -> None:
    cancel_queued(Run.objects.concerning(participation), reason="participation_ended")


@receiver(collaboration_archived)
def cancel_queued_in(collaboration: Collaboration, **_: Any) -> None:
    runs = Run.objects.filter(task__collaboration=collaboration)
    cancel_queued(runs, reason="collaboration_archived")


@receiver(node_revoked)
def requeue_what_it_held(node: Node, **_: Any) -> None:
    requeue_runs(node.runs.all(), reason="node_revoked")


@receiver(node_given_up)
def requeue_what_it_keeps(node: Node, actor: Actor, **_: Any) -> None:
    requeue_runs(node.runs.all(), reason="node_given_up", actor=actor)
