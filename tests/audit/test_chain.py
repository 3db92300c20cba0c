"""Numbering, hashing, and what verifying finds."""

import hashlib
import io
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.audit import chain, verification
from apps.audit.actors import Actor
from apps.audit.chain import chain_events, head
from apps.audit.models import Event
from apps.audit.origin import Origin, coming_from
from apps.audit.services import erase_addresses, record
from apps.audit.verification import Head, verify
from ptm_site.worker import SWEEPS
from tests.audit.tampering import (
    add_events,
    forge,
    fresh_chain,
    with_rules,
    without_rules,
)

pytestmark = [pytest.mark.backends, pytest.mark.django_db]


def verified(*arguments: str) -> str:
    out = io.StringIO()
    with with_rules():
        call_command("verify_audit", *arguments, stdout=out)
    return out.getvalue()


def broken(*arguments: str) -> str:
    with pytest.raises(CommandError) as raised, with_rules():
        call_command("verify_audit", *arguments, stdout=io.StringIO())
    assert raised.value.returncode == 1
    return str(raised.value)


def copy_of(event: Event, **changes: Any) -> Event:
    return Event(
        **{
            field.attname: getattr(event, field.attname)
            for field in Event._meta.concrete_fields
            if not field.primary_key
        }
        | changes
    )


def test_the_worker_does_it() -> None:
    assert chain_events in SWEEPS.values()


def test_what_is_recorded_has_no_number_until_the_worker_comes() -> None:
    fresh_chain(2)
    add_events(3)
    assert Event.objects.filter(number=None, hash="").count() == 3
    assert "Verified 2 events." in verified()
    assert "Not in the chain yet: 3" in verified()
    assert chain_events() == 3
    assert chain_events() == 0
    numbers = Event.objects.order_by("id").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5]


def test_an_outsider_computes_the_same_hashes_from_the_description() -> None:
    fresh_chain(0)
    with coming_from(Origin("a1", "192.0.2.1")):
        record(
            actor=Actor.node(3),
            action="run.claimed",
            object_type="run",
            object_id=12,
            organization=5,
            collaboration=6,
            after={"status": "é"},
        )
    chain_events()
    event = Event.objects.get()
    at = event.at.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    digest = hashlib.sha256(f"{event.salt}192.0.2.1".encode()).hexdigest()
    text = (
        f'{{"action":"run.claimed","actor_id":3,"actor_kind":"node",'
        f'"address_digest":"{digest}","at":"{at}","collaboration_id":6,'
        f'"details":{{"after":{{"status":"\\u00e9"}}}},"id":{event.pk},"number":1,'
        f'"object_id":12,"object_type":"run","organization_id":5,"request_id":"a1"}}'
    )
    assert json.loads(text)
    first = "0" * 64
    assert event.hash == hashlib.sha256((first + text).encode()).hexdigest()


def test_long_chains_are_made_and_read_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain, "BATCH", 3)
    monkeypatch.setattr(verification, "READ_AT_ONCE", 2)
    fresh_chain(8)
    with CaptureQueriesContext(connection) as captured:
        verdict = verify()
    assert (verdict.wrong, verdict.head.number) == ("", 8)
    reads = [q["sql"] for q in captured if "number" in q["sql"]]
    assert len(reads) == 6  # forged numbers, 2 + 2 + 2 + 2, and nothing more
    assert all("LIMIT 2" in sql for sql in reads[1:])


def test_a_backlog_does_not_keep_the_other_sweeps_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh_chain(0)
    add_events(5)
    monkeypatch.setattr(chain, "BATCH", 2)
    monkeypatch.setattr(chain, "ROUND_SECONDS", -1)
    assert [chain_events() for _ in range(4)] == [2, 2, 1, 0]
    assert verify().head.number == 5


def test_an_event_that_was_committed_late_comes_later_in_the_chain() -> None:
    fresh_chain(0)
    early, late = add_events(2)
    with without_rules():
        Event.objects.filter(pk=early.pk).delete()
    chain_events()
    with without_rules():  # a lower id appears when its transaction ends
        early.save(force_insert=True)
    chain_events()
    in_order = Event.objects.order_by("number").values_list("pk", flat=True)
    assert list(in_order) == [late.pk, early.pk]
    assert verify().wrong == ""


def test_a_chain_does_not_fork() -> None:
    fresh_chain(2)
    (event,) = add_events(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(number=2, hash="f" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "thing.undone"},
        {"actor_id": 8},
        {"object_id": 99},
        {"organization_id": 1},
        {"details": {"after": {"role": "admin"}}},
        {"at": "2020-01-01T00:00:00Z"},
        {"request_id": "b2"},
        {"address_digest": "f" * 64},
        {"hash": "f" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_tampered_row_is_named(change: dict[str, Any]) -> None:
    fresh_chain(5)
    pk = Event.objects.get(number=3).pk
    forge(3, **change)
    assert broken() == f"Number 3, event {pk}, is not what was recorded."
    assert verify().head.number == 2


def test_a_removed_row_leaves_a_gap() -> None:
    fresh_chain(5)
    with without_rules():
        Event.objects.filter(number=3).delete()
    pk = Event.objects.get(number=4).pk
    assert broken() == f"Number 3 is missing: the next one is event {pk}."


def test_a_gap_that_was_closed_again_shows_too() -> None:
    fresh_chain(5)
    with without_rules():
        Event.objects.filter(number=3).delete()
    forge(4, number=3)
    forge(5, number=4)
    assert broken().startswith("Number 3, event ")


def test_a_swapped_pair_is_named() -> None:
    fresh_chain(5)
    second, third = Event.objects.filter(number__in=(2, 3)).order_by("number")
    forge(2, number=99)
    forge(3, number=2, hash=second.hash)
    forge(99, number=3, hash=third.hash)
    assert broken() == f"Number 2, event {third.pk}, is not what was recorded."


def test_a_forged_row_in_the_middle_is_named() -> None:
    fresh_chain(4)
    for place in (4, 3):
        forge(place, number=place + 1)
    template = Event.objects.get(number=2)
    forged = copy_of(template, number=3, object_id=99)
    forged.save()
    forged.refresh_from_db()
    forge(3, hash=chain.hash_of(template.hash, forged))
    # The forged link holds; the one after it was made for another before it.
    fourth = Event.objects.get(number=4)
    assert broken() == f"Number 4, event {fourth.pk}, is not what was recorded."


def test_a_row_before_the_first_is_named() -> None:
    fresh_chain(2)
    copy_of(Event.objects.get(number=1), number=0).save()
    assert broken().startswith("Number 1 is missing")


def test_of_a_cut_off_end_only_a_head_kept_elsewhere_tells() -> None:
    fresh_chain(5)
    kept = str(Head(*head()))
    assert kept in verified()
    add_events(2)
    chain_events()
    assert "Verified 7 events." in verified("--expect", kept)
    with without_rules():
        Event.objects.filter(number__gt=3).delete()
    assert "Verified 3 events." in verified()
    assert broken("--expect", kept) == "The chain ends at number 3, not at 5."


def test_a_chain_that_was_written_anew_differs_from_a_head_kept_elsewhere() -> None:
    fresh_chain(3)
    kept = str(Head(*head()))
    with without_rules():
        Event.objects.filter(number=2).update(object_id=99, number=None, hash="")
        Event.objects.filter(number=3).update(number=None, hash="")
    assert chain_events() == 2
    assert "Verified 3 events." in verified()
    assert broken("--expect", kept) == "Number 3 has another hash than expected."


def test_another_address_is_named_and_an_erased_one_is_not() -> None:
    fresh_chain(0)
    with coming_from(Origin("a1", "192.0.2.1")):
        add_events(3)
    chain_events()
    second = Event.objects.get(number=2)
    forge(2, address="192.0.2.2")
    assert broken() == f"Number 2, event {second.pk}, has another address."
    forge(2, address="192.0.2.2", salt="")
    assert "has an address without its salt" in broken()
    erase_addresses(user_id=7)
    assert "Verified 3 events." in verified()


def test_missing_rules_are_a_failure_too() -> None:
    fresh_chain(1)
    with without_rules(), pytest.raises(CommandError, match="audit_event_no_update"):
        call_command("verify_audit", stdout=io.StringIO())


def test_an_empty_audit_is_whole() -> None:
    fresh_chain(0)
    assert re.search(r"Verified 0 events. Head: 0:0{64}\n", verified())
