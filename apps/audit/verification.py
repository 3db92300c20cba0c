"""Reads the chain from its first event on, at constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.audit.chain import NOTHING_BEFORE, address_digest, hash_of
from apps.audit.models import Event

READ_AT_ONCE = 1000


@dataclass(frozen=True)
class Head:
    """How far a chain goes, for an outsider to keep: `1042:ab54…`."""

    number: int = 0
    hash: str = NOTHING_BEFORE

    @classmethod
    def parse(cls, text: str) -> "Head":
        number, _, digest = text.partition(":")
        return cls(int(number), digest.strip().lower())

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True)
class Verdict:
    """`wrong` says what the first broken link is; it is empty when all is well."""

    head: Head
    wrong: str = ""


def verify(expected: Head | None = None) -> Verdict:
    """Follow the chain to its end, or to the first link that does not hold.

    A chain that was cut off at its end, or written anew as a whole by somebody with the
    server's own powers, looks whole by itself: only a head that was kept elsewhere,
    given as `expected`, shows it.
    """
    head = Head()
    for event in _chained():
        if wrong := _wrong(event, head):
            return Verdict(head, wrong)
        head = Head(head.number + 1, event.hash)
        if expected and head.number == expected.number and head != expected:
            return Verdict(head, f"Number {head.number} has another hash than expected")
    if expected and head.number < expected.number:
        return Verdict(
            head,
            f"The chain ends at number {head.number}, not at {expected.number}",
        )
    return Verdict(head)


def unchained() -> int:
    """How many events still wait for the worker, and so for the chain's protection."""
    return Event.objects.filter(number=None).count()


def _wrong(event: Event, before: Head) -> str:
    expected = before.number + 1
    if event.number != expected:
        return f"Number {expected} is missing: the next one is event {event.pk}"
    if hash_of(before.hash, event) != event.hash:
        return f"Number {expected}, event {event.pk}, is not what was recorded"
    if event.salt and address_digest(event.salt, event.address) != event.address_digest:
        return f"Number {expected}, event {event.pk}, has another address"
    if event.address and not event.salt:
        return f"Number {expected}, event {event.pk}, has an address without its salt"
    return ""


def _chained() -> Iterator[Event]:
    """By number, in pieces: a cursor over it all would be kept on the server's disk."""
    last = 0
    rows = Event.objects.exclude(number=None).order_by("number")
    yield from rows.filter(number__lte=0)  # there are none, unless they were forged
    while found := list(rows.filter(number__gt=last)[:READ_AT_ONCE]):
        yield from found
        last = found[-1].number or last
