"""Events as JSON lines: what is hashed, the hash, and to some the address."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from apps.audit.chain import hashed_fields
from apps.audit.models import Event

READ_AT_ONCE = 1000


def json_lines(events: Iterable[Event], *, addresses: bool) -> Iterator[str]:
    for event in events:
        yield json.dumps(_exported(event, addresses), ensure_ascii=False) + "\n"


def by_id(events: QuerySet[Event]) -> Iterator[list[Event]]:
    """Oldest first, in pieces, each its own query: a reader may take hours."""
    last = 0
    ordered = events.order_by("pk")
    while found := list(ordered.filter(pk__gt=last)[:READ_AT_ONCE]):
        yield found
        last = found[-1].pk


def _exported(event: Event, addresses: bool) -> dict[str, Any]:
    fields = {**hashed_fields(event), "hash": event.hash}
    if addresses:
        fields |= {"address": event.address, "salt": event.salt}
    return fields
