"""`Idempotency-Key`: one effect per user and key, bound to the request's body."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.errors import Refusal
from apps.prepared import Prepared
from apps.tasks.models import IdempotencyKey
from apps.writes import insert

LIFETIME = timedelta(hours=24)
MAX_LENGTH = 200


@dataclass(frozen=True)
class KeyedRequest:
    """A request that the client marked with a key of its own."""

    key: str
    body_sha256: str

    @classmethod
    def read(cls, key: str, path: str, body: object) -> "KeyedRequest | None":
        """Return the marked request; `body` is the parsed JSON."""
        if not key:
            return None
        if len(key) > MAX_LENGTH or not key.isprintable():
            raise Refusal(
                "idempotency_key_invalid",
                f"An Idempotency-Key has 1 to {MAX_LENGTH} printable characters.",
            )
        canonical = json.dumps([path, body], sort_keys=True)
        return cls(key, hashlib.sha256(canonical.encode()).hexdigest())


def begin(user: User, request: KeyedRequest) -> IdempotencyKey:
    """Return the key's row: new, or with the `object_id` that the first one made.

    Call inside the transaction that does the work. On PostgreSQL a second request
    waits here for the first one's end; SQLite has one writer at a time anyway.
    """
    outdated = timezone.now() - LIFETIME
    IdempotencyKey.objects.filter(
        user=user, key=request.key, created_at__lt=outdated
    ).delete()
    row, created = IdempotencyKey.objects.get_or_create(
        user=user, key=request.key, defaults={"body_sha256": request.body_sha256}
    )
    if not created:
        _same_body(row, request)
    return row


def settle(row: IdempotencyKey | None, object_id: int) -> None:
    """Note what the first request has made, for its repeats."""
    if row is not None:
        row.object_id = object_id
        row.save(update_fields=("object_id",))


def find(user: User, request: KeyedRequest) -> IdempotencyKey | None:
    """Return the row of an earlier request with this key, if there was one."""
    rows = _of.objects(user=user.pk, key=request.key)
    if not rows:
        return None
    row: IdempotencyKey = rows[0]
    if row.created_at < timezone.now() - LIFETIME:
        row.delete()
        return None
    _same_body(row, request)
    return row


def _build_of(*, user: int, key: str) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(user=user, key=key)


_of = Prepared(_build_of)


def take(user: User, request: KeyedRequest, object_id: int) -> None:
    """Store the key of what was just made; IntegrityError if it is stored already.

    Call it in the transaction that does the work, which is undone then: who comes
    second waits here on PostgreSQL for the first one's end, and on SQLite before.
    """
    insert(
        IdempotencyKey(
            user=user,
            key=request.key,
            body_sha256=request.body_sha256,
            object_id=object_id,
        )
    )


def _same_body(row: IdempotencyKey, request: KeyedRequest) -> None:
    if row.body_sha256 != request.body_sha256:
        raise Refusal(
            "idempotency_key_reused",
            "This Idempotency-Key belongs to a different request.",
            status=422,
        )


def sweep_idempotency_keys() -> int:
    """Forget keys older than a day."""
    outdated = timezone.now() - LIFETIME
    return IdempotencyKey.objects.filter(created_at__lt=outdated).delete()[0]
