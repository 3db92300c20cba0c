"""What the database refuses, whoever asks it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.audit import rules
from apps.audit.chain import chain_events
from apps.audit.models import Event
from apps.audit.origin import Origin, coming_from
from apps.audit.services import erase_addresses
from tests.audit.tampering import add_events, fresh_chain, with_rules

pytestmark = [pytest.mark.backends, pytest.mark.django_db]


def refused(act: Callable[[], Any]) -> None:
    before = list(Event.objects.order_by("pk").values())
    with (
        pytest.raises(IntegrityError, match="never changed or deleted"),
        transaction.atomic(),
    ):
        act()
    assert list(Event.objects.order_by("pk").values()) == before


def test_the_migrations_leave_every_rule_in_force(django_db_setup: list[str]) -> None:
    assert django_db_setup == []


CHANGES: list[dict[str, Any]] = [
    {"action": "thing.undone"},
    {"actor_id": 8},
    {"actor_kind": "system"},
    {"object_id": None},
    {"object_type": "task"},
    {"organization_id": 1},
    {"collaboration_id": 1},
    {"details": {"other": 1}},
    {"at": "2020-01-01T00:00:00Z"},
    {"request_id": "other"},
    {"address_digest": "0" * 64},
    {"address": "192.0.2.99"},
    {"salt": ""},
    {"id": 10**9},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: next(iter(c)))
@pytest.mark.parametrize("chained", [False, True], ids=["new", "chained"])
def test_no_column_is_changed(change: dict[str, Any], chained: bool) -> None:
    with coming_from(Origin("a1", "192.0.2.1")):
        (event,) = add_events(1)
    if chained:
        chain_events()
    refused(lambda: Event.objects.filter(pk=event.pk).update(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"number": None, "hash": ""},
        {"number": 10**6},
        {"hash": "0" * 64},
        {"number": 10**6, "hash": "0" * 64},
    ],
    ids=str,
)
def test_a_link_is_given_once(change: dict[str, Any]) -> None:
    fresh_chain(1)
    refused(lambda: Event.objects.update(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"number": 1},
        {"hash": "0" * 64},
        {"number": 1, "hash": "0" * 64, "action": "thing.undone"},
        {"number": 1, "hash": "0" * 64, "address": ""},
    ],
    ids=str,
)
def test_a_link_is_given_whole_and_with_nothing_else(change: dict[str, Any]) -> None:
    with coming_from(Origin("a1", "192.0.2.1")):
        (event,) = add_events(1)
    refused(lambda: Event.objects.filter(pk=event.pk).update(**change))


def test_no_row_is_deleted_or_moved_away() -> None:
    with with_rules():
        add_events(2)
        refused(lambda: Event.objects.all().delete())
        refused(lambda: Event.objects.first().delete())  # type: ignore[union-attr]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
def test_the_table_is_not_truncated() -> None:
    def truncate() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE audit_event")

    with with_rules():
        add_events(1)
        refused(truncate)


@pytest.mark.parametrize("chained", [False, True], ids=["new", "chained"])
def test_addresses_may_be_forgotten(chained: bool) -> None:
    with coming_from(Origin("a1", "192.0.2.1")):
        (event,) = add_events(1)
    if chained:
        chain_events()
    assert erase_addresses(user_id=7) == 1
    event.refresh_from_db()
    assert (event.address, event.salt) == ("", "")
    assert event.address_digest
    assert erase_addresses(user_id=7) == 0


def test_missing_rules_are_named() -> None:
    with with_rules():
        assert rules.missing(connection) == []
        rules.remove(connection, (rules.UPDATE,))
        assert rules.missing(connection) == [rules.UPDATE]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's are not off")
def test_a_rule_that_is_switched_off_is_a_missing_one() -> None:
    with with_rules():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE audit_event DISABLE TRIGGER {rules.DELETE}")
        assert rules.missing(connection) == [rules.DELETE]
