"""Doing by force what the database refuses: as somebody with the server's powers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from apps.audit import rules
from apps.audit.actors import Actor
from apps.audit.chain import chain_events
from apps.audit.models import Event
from apps.audit.services import record


@contextmanager
def without_rules() -> Iterator[None]:
    rules.remove(connection, rules.RULES[connection.vendor])
    yield
    rules.install(connection)


@contextmanager
def with_rules() -> Iterator[None]:
    """As in production: tests drop the rules against emptying a table."""
    rules.install(connection)
    yield
    emptying = [r for r in rules.RULES[connection.vendor] if r != rules.UPDATE]
    rules.remove(connection, tuple(emptying))


def forge(place: int, **values: Any) -> None:
    """Change the event that has this number."""
    with without_rules():
        assert Event.objects.filter(number=place).update(**values) == 1


def add_events(count: int, **values: Any) -> list[Event]:
    """So many events, in the order in which the chain has them."""
    before = set(Event.objects.values_list("pk", flat=True))
    for number in range(count):
        act = {
            "actor": Actor.user(7),
            "action": "thing.done",
            "object_type": "thing",
            "object_id": number,
        }
        record(**{**act, **values})
    return list(Event.objects.exclude(pk__in=before).order_by("pk"))


def fresh_chain(count: int) -> None:
    """A chain of exactly so many events."""
    with without_rules():
        Event.objects.all().delete()
    add_events(count)
    assert chain_events() == count
