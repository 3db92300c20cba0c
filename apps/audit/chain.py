"""The chain: every event is numbered, and hashed with the hash of the one before.

What is hashed of an event is its canonical form: the JSON object of the fields in
`HASHED`, with sorted keys, no blanks, everything beyond ASCII escaped, and `at` in UTC
with microseconds. Its hash is sha256(previous hash as 64 hexadecimal digits + canonical
form); the first previous hash is 64 zeros.

Only one worker numbers (it holds the sweeps' lock), after the rows are committed, so
that nobody ever waits for the chain; should two try, the number's uniqueness makes one
of them fail. Numbers follow the order in which rows were found, which may differ from
that of their ids.
"""

import hashlib
import json
import time
from datetime import UTC
from typing import Any

from django.db import connection, transaction

from apps.audit.models import Event

BATCH = 500
ROUND_SECONDS = 10
NOTHING_BEFORE = "0" * 64
HASHED = (
    "number",
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "action",
    "object_type",
    "object_id",
    "organization_id",
    "collaboration_id",
    "details",
    "request_id",
    "address_digest",
)


def address_digest(salt: str, address: str) -> str:
    """Without the salt nobody can find the address by trying all of them."""
    return hashlib.sha256(f"{salt}{address}".encode()).hexdigest() if address else ""


def hashed_fields(event: Event) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in HASHED}
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {**fields, "at": at}


def canonical(event: Event) -> str:
    return json.dumps(hashed_fields(event), sort_keys=True, separators=(",", ":"))


def hash_of(previous: str, event: Event) -> str:
    return hashlib.sha256((previous + canonical(event)).encode()).hexdigest()


def head() -> tuple[int, str]:
    """The last number and hash of the chain."""
    last = Event.objects.exclude(number=None).order_by("-number").first()
    if last is None or last.number is None:
        return 0, NOTHING_BEFORE
    return last.number, last.hash


def chain_events() -> int:
    """Number and hash what was committed since; return how many events.

    A long backlog is left for the next rounds: other sweeps wait for this one.
    """
    count, until = 0, time.monotonic() + ROUND_SECONDS
    while linked := _link_batch():
        count += linked
        if time.monotonic() > until:
            break
    return count


@transaction.atomic
def _link_batch() -> int:
    number, previous = head()
    links = []
    for event in Event.objects.filter(number=None).order_by("id")[:BATCH]:
        number += 1
        event.number = number
        previous = hash_of(previous, event)
        links.append((number, previous, event.pk))
    if links:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE audit_event SET number = %s, hash = %s"
                " WHERE id = %s AND number IS NULL",
                links,
            )
    return len(links)
