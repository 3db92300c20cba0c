"""What the database holds: tests look at it beside the answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.audit.models import Event
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.results.models import Result, Upload
from apps.tasks.models import (
    IdempotencyKey,
    Input,
    LogChunk,
    Run,
    RunEvent,
    Task,
)

TABLES = (
    Task,
    Input,
    Run,
    RunEvent,
    LogChunk,
    IdempotencyKey,
    Event,
    Result,
    Upload,
    Node,
    Enrolment,
    DatabaseRelease,
)


def counts() -> dict[str, int]:
    return {table.__name__: table._default_manager.count() for table in TABLES}


def states() -> list[tuple[object, ...]]:
    """Every run, as far as an act can change it."""
    fields = ("pk", "status", "attempt", "node", "claim", "retries", "code", "log_size")
    return list(Run.objects.order_by("pk").values_list(*fields))


@contextmanager
def nothing_stored(*, told: int = 0) -> Iterator[None]:
    """What happens inside leaves no row and no changed run behind.

    But for so many events that somebody was told of names.
    """
    before, was = counts(), states()
    before["Event"] += told
    told += acts("name.told")
    yield
    assert (counts(), states()) == (before, was)
    assert acts("name.told") == told


def moves(run_id: int) -> list[tuple[str, str]]:
    """The run's history."""
    rows = RunEvent.objects.filter(run=run_id).order_by("id")
    return list(rows.values_list("old", "new"))


def acts(action: str, **where: object) -> int:
    """How often the audit says that this was done."""
    return Event.objects.filter(action=action, **where).count()
