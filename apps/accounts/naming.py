"""Answers that tell whether a name is there, where the asker cannot see the thing.

Whoever invites, allows or creates something must name exactly what is out of their
sight, and learns whether there is such a thing: that is what the right is for. Trying
names in bulk is not; so such answers are counted, and kept in the audit.
"""

from time import time

from django.core.cache import cache

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.errors import TooMany

TOLD_AN_HOUR = 30
HOUR = 60 * 60


def keep_told(
    asker: User,
    kind: str,
    *,
    names: int = 1,
    organization: int | None = None,
    collaboration: int | None = None,
) -> None:
    """Keep that the asker is about to be told of so many names; refuse too many.

    Outside of the transaction that the refusal undoes. Platform admins see it all.
    """
    if asker.is_superuser or not names:
        return
    _count(asker, names)
    record(
        actor=Actor.user(asker.pk),
        action="name.told",
        object_type=kind,
        object_id=None,
        organization=organization,
        collaboration=collaboration,
        names=names,
    )


def _count(asker: User, names: int) -> None:
    window, elapsed = divmod(int(time()), HOUR)
    key = f"names:{asker.pk}:{window}"
    cache.add(key, 0, timeout=2 * HOUR)
    if cache.incr(key, names) > TOLD_AN_HOUR:
        sentence = "Too many names that you cannot see: go on in the next hour."
        raise TooMany(sentence, HOUR - elapsed)
