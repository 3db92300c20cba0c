import secrets
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Q

from apps.audit.actors import Actor
from apps.audit.chain import address_digest
from apps.audit.choices import ActorKind
from apps.audit.models import Event
from apps.audit.origin import present_origin
from apps.writes import insert


def record(
    *,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: int | None,
    organization: int | None = None,
    collaboration: int | None = None,
    **details: object,
) -> None:
    """Add an event to the present transaction.

    `organization` and `collaboration` are the ids of those whom it concerns: their
    admins may read it. `details` holds ids and states only, never a person's name;
    a change has `before` and `after` in it.
    """
    insert(
        event_of(
            actor=actor,
            action=action,
            object_type=object_type,
            object_id=object_id,
            organization=organization,
            collaboration=collaboration,
            **details,
        )
    )


def record_all(events: Iterable[Event]) -> None:
    """Add several events at the price of one."""
    insert(*events)


def event_of(
    *,
    actor: Actor,
    action: str,
    object_type: str,
    object_id: int | None,
    organization: int | None = None,
    collaboration: int | None = None,
    **details: object,
) -> Event:
    """Return what `record` would add; address and request are the present ones."""
    origin = present_origin()
    salt = secrets.token_hex(16) if origin.address else ""
    return Event(
        actor_kind=actor.kind,
        actor_id=actor.id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        organization_id=organization,
        collaboration_id=collaboration,
        details=details,
        request_id=origin.request_id,
        address=origin.address,
        salt=salt,
        address_digest=address_digest(salt, origin.address),
    )


def difference(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """Return `before` and `after` of what differs, as details of an event."""
    names = [name for name in after if before.get(name) != after[name]]
    return {
        "before": {name: before.get(name) for name in names},
        "after": {name: after[name] for name in names},
    }


@transaction.atomic
def erase_addresses(*, user_id: int) -> int:
    """Forget from where the person came; return in how many events they did."""
    theirs = Q(actor_kind=ActorKind.USER, actor_id=user_id)
    # Failed sign-ins under their name: nobody was signed in.
    about = Q(actor_kind=ActorKind.SYSTEM, object_type="user", object_id=user_id)
    return (
        Event.objects.filter(theirs | about)
        .exclude(address="", salt="")
        .update(address="", salt="")
    )
