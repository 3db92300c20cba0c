"""Hands queued runs to nodes, and agrees with them on who holds what."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.audit.actors import SYSTEM, Actor
from apps.audit.models import Event
from apps.audit.services import event_of, record_all
from apps.errors import Conflict
from apps.nodes.events import wake_nodes
from apps.nodes.models import Node
from apps.prepared import Prepared
from apps.tasks.choices import HELD, RETRY_SECONDS, TERMINAL, RunStatus
from apps.tasks.models import Run
from apps.tasks.parties import hold_consent
from apps.tasks.queue import anything_waits, in_turn
from apps.tasks.transitions import move_run
from apps.writes import change

ASSIGNMENT_RELATED = (
    "task__collaboration",
    "task__organization",
    "task__initiator",
    "task__version__algorithm",
    "input",
)


@dataclass(frozen=True)
class Holding:
    """A run and the attempt of it that a node says it holds."""

    run: int
    attempt: int


@dataclass(frozen=True)
class Stop:
    """A holding that the server no longer wants, and why."""

    run: int
    attempt: int
    reason: str


def claim_runs(
    *,
    node: Node,
    claim: int,
    capacity: int,
    pulling: Sequence[str] = (),
    held: Iterable[Holding] = (),
) -> list[Run]:
    """Assign up to `capacity` of the runs that this node can execute, in their turn.

    None of the images that it is `pulling`: they would only wait there for the same.
    Each as an attempt that the node has not `held` so far.

    The same claim number again returns the same runs and assigns no more.
    """
    if (answered := _answered(node, claim)) is not None:
        return answered
    # Looked at first without a lock, so that an idle node's polls never write.
    if capacity < 1 or not anything_waits(node):
        return []
    return _assign(node, claim, capacity, pulling, set(held))


def _answered(node: Node, claim: int) -> list[Run] | None:
    """Return what an earlier copy of the claim was given; None if there was none."""
    if claim < node.last_claim:
        raise Conflict(
            "claim_stale",
            "A later claim was seen already.",
            extra={"last_claim": node.last_claim},
        )
    if claim > node.last_claim:
        return None
    given = Run.objects.filter(node=node, claim=claim, status__in=HELD)
    return list(given.select_related(*ASSIGNMENT_RELATED))


@transaction.atomic
def _assign(
    node: Node, claim: int, capacity: int, pulling: Sequence[str], held: set[Holding]
) -> list[Run]:
    (locked,) = _node.objects(pk=node.pk)
    if locked.revoked_at is not None:
        return []
    # Again: another copy of this claim may have been faster.
    if (answered := _answered(locked, claim)) is not None:
        return answered
    taken = _take(in_turn(locked, pulling), capacity)
    # Every transaction touches tasks in this order, so that none waits in a circle.
    for run in sorted(taken, key=attrgetter("task_id")):
        move_run(
            run,
            RunStatus.CLAIMED,
            actor=Actor.node(node.pk),
            changes={
                "node_id": node.pk,
                "claim": claim,
                "attempt": _next_attempt(run, held),
            },
        )
    if taken:
        change(Node, {"id": node.pk}, {"last_claim": claim})
        record_all(_claimed(run, node) for run in taken)
    return taken


def _next_attempt(run: Run, held: set[Holding]) -> int:
    """Return the number of an attempt that the node cannot take for another.

    A database that was put back from a copy gives numbers of runs again, and the node
    may still hold what had one of them before.
    """
    numbers = count(run.attempt + 1)
    return next(n for n in numbers if Holding(run.pk, n) not in held)


def _take(due: Iterator[int], capacity: int) -> list[Run]:
    """Lock so many of the runs, and pass over those that another node is taking."""
    taken: list[Run] = []
    while wanted := {f"pk{n}": pk for n, pk in enumerate(islice(due, capacity))}:
        found = {run.pk: run for run in _unlocked.objects(**wanted)}
        taken += [found[pk] for pk in wanted.values() if pk in found]
        capacity -= len(found)
    return taken


def _build_node(*, pk: int) -> Any:
    return Node.objects.filter(pk=pk).select_for_update()


def _build_unlocked(**pks: int) -> Any:
    queued = Run.objects.filter(pk__in=pks.values(), status=RunStatus.QUEUED)
    unlocked = queued.select_for_update(of=("self",), skip_locked=True)
    return unlocked.select_related(*ASSIGNMENT_RELATED).order_by()


_node = Prepared(_build_node)
_unlocked = Prepared(_build_unlocked)


def _claimed(run: Run, node: Node) -> Event:
    return event_of(
        actor=Actor.node(node.pk),
        action="run.claimed",
        object_type="run",
        object_id=run.pk,
        organization=run.organization_id,
        collaboration=run.task.collaboration_id,
        task=run.task_id,
        attempt=run.attempt,
        before={"status": RunStatus.QUEUED},
        after={"status": RunStatus.CLAIMED},
    )


def reconcile(
    *, node: Node, last_claim: int, held: list[Holding], stopping: Iterable[int] = ()
) -> list[Stop]:
    """Queue again what the node lacks, and return what it should end.

    `last_claim` and `held` come from one reading of the node's journal: a run of a
    claim up to that number which is not held is lost there. The answer to a later
    claim may still be on its way.
    """
    _requeue_missing(node, last_claim, held)
    return stops(node=node, held=held, stopping=stopping)


def _requeue_missing(node: Node, last_claim: int, held: list[Holding]) -> None:
    asked = {"node": node.pk, "last_claim": last_claim}
    assigned = {(row["pk"], row["attempt"]) for row in _assigned.rows(**asked)}
    missing = assigned - {(holding.run, holding.attempt) for holding in held}
    if missing:
        requeue_runs(
            _build_assigned(**asked).filter(pk__in=[pk for pk, _ in missing]),
            reason="missing_at_node",
            actor=Actor.node(node.pk),
        )


def _build_assigned(node: int, last_claim: int) -> Any:
    held = Run.objects.filter(node=node, status__in=sorted(HELD))
    return held.filter(claim__lte=last_claim)


_assigned = Prepared(lambda **asked: _build_assigned(**asked).values("pk", "attempt"))


def stops(
    *, node: Node, held: list[Holding], stopping: Iterable[int] = ()
) -> list[Stop]:
    """Return which of the held attempts the server no longer wants."""
    known = set(stopping)
    runs = Run.objects.in_bulk([holding.run for holding in held])
    found = []
    for holding in held:
        reason = _stop_reason(node, holding, runs.get(holding.run))
        if reason and holding.run not in known:
            found.append(Stop(holding.run, holding.attempt, reason))
    return found


def _stop_reason(node: Node, holding: Holding, run: Run | None) -> str:
    if run is None or run.node_id != node.pk or run.attempt != holding.attempt:
        return "superseded"
    if run.status in TERMINAL:
        return "expired" if run.status == RunStatus.EXPIRED else "finished"
    return "cancelled" if run.cancel_requested_at is not None else ""


@transaction.atomic
def requeue_runs(runs: Any, *, reason: str, actor: Actor = SYSTEM) -> None:
    """Give held runs back to the queue; those with a cancel waiting end instead."""
    held = runs.select_for_update().filter(status__in=HELD)
    for run in held.order_by("task_id"):
        give_back(run, reason=reason, actor=actor)


def give_back(run: Run, *, reason: str, actor: Actor, retry: bool = False) -> None:
    """Queue a held run again; a retry after a fault waits a little."""
    if run.cancel_requested_at is not None:
        move_run(run, RunStatus.CANCELLED, actor=actor, reason=reason)
        return
    if not hold_consent(run.task, [run.organization_id]):
        # Nobody could claim or read it any more: it was held when the consent ended.
        move_run(run, RunStatus.CANCELLED, actor=actor, reason="participation_ended")
        return
    changes: dict[str, object] = {"node": None, "claim": None, "started_at": None}
    if retry:
        delay = RETRY_SECONDS[min(run.retries, len(RETRY_SECONDS) - 1)]
        changes["not_before"] = timezone.now() + timedelta(seconds=delay)
        changes["retries"] = run.retries + 1
    move_run(run, RunStatus.QUEUED, actor=actor, reason=reason, changes=changes)
    wake_nodes(run.organization_id)
