from apps.audit.actors import Actor
from apps.audit.models import Event


def record(
    *, actor: Actor, action: str, object_type: str, object_id: int, **details: object
) -> None:
    """Add an event to the present transaction. `details` holds ids and states only."""
    Event.objects.create(
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        details=details,
    )
