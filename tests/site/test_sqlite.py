"""Threads that write to SQLite take turns, and nobody keeps the turn."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest
from django.db import OperationalError, connection, transaction

from apps.organizations.models import Organization
from ptm_site.sqlite3 import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="PostgreSQL has locks of its own"
    ),
]


def written() -> list[str]:
    found = Organization.objects.filter(name__in=("first", "second"))
    return list(found.order_by("pk").values_list("name", flat=True))


class Writer:
    """Another thread, in a transaction until it is told to end it."""

    def __enter__(self) -> "Writer":
        self.began, self.may_end = Event(), Event()
        self.pool = ThreadPoolExecutor(1)
        self.done = self.pool.submit(self.write)
        assert self.began.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.may_end.set()
        self.done.result(10)
        self.pool.shutdown()

    def write(self) -> None:
        with transaction.atomic():
            Organization.objects.create(name="first")
            self.began.set()
            assert self.may_end.wait(10)
        connection.close()


def impatient() -> list[str]:
    """Write on a connection for which SQLite itself would not wait at all."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
    try:
        with transaction.atomic():
            Organization.objects.create(name="second")
            return written()
    finally:
        connection.close()


def test_a_writer_waits_for_the_one_before() -> None:
    with ThreadPoolExecutor(1) as pool:
        with Writer() as first:
            second = pool.submit(impatient)
            assert not first.done.done()
        assert second.result(10) == ["first", "second"]


def test_whoever_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "WAIT_SECONDS", 0.01)
    with Writer(), pytest.raises(OperationalError, match="database is locked"):
        impatient()
    assert impatient() == ["first", "second"]


def test_reading_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "WAIT_SECONDS", 0.01)
    with Writer():
        assert written() == []


def close_within() -> None:
    with transaction.atomic():
        connection.close()
        raise ZeroDivisionError


def test_the_turn_ends_with_the_transaction_however_it_ends() -> None:
    with transaction.atomic(), transaction.atomic():
        assert base._turn.locked()
    assert not base._turn.locked()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    assert not base._turn.locked()
    with transaction.atomic():
        transaction.set_rollback(True)
    assert not base._turn.locked()
    with pytest.raises(ZeroDivisionError):
        close_within()
    assert not base._turn.locked()


def test_a_transaction_that_cannot_begin_takes_no_turn() -> None:
    """Another process writes; what SQLite says of that is passed on."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="database is locked"):
            impatient()
        assert not base._turn.locked()
    assert impatient() == ["second"]
