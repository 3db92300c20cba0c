"""What waits for an organization's nodes, and in which order it is given to them.

Every claim asks: the queries are written once.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Case, Count, F, Q, Value, When, Window
from django.db.models.functions import Now, RowNumber

from apps.collaborations.models import Participation
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.prepared import Prepared
from apps.tasks.authoring import suits
from apps.tasks.choices import RunStatus
from apps.tasks.columns import has_columns
from apps.tasks.models import Run
from apps.tasks.sites import Announced

# A long queue is read in pieces: its bytes are not taken at once.
LOOKED_AT_ONCE = 16
# These wait for a person, and keep no place from anybody.
RESTING = (RunStatus.AWAITING_APPROVAL, RunStatus.AWAITING_RELEASE)


def anything_waits(node: Node) -> bool:
    """Whether the organization has a queued run, for whichever of its nodes."""
    return bool(_queued.rows(organization=node.organization_id))


def work_waits(node: Node) -> bool:
    """Whether a queued run could be claimed by this node now."""
    if not anything_waits(node):
        return False  # as nearly always when a node asks
    waiting = _waiting.rows(tuple(node.contracts), **_asked(node))
    return next(_executable(node, waiting), None) is not None


def in_turn(node: Node, pulling: Sequence[str] = ()) -> Iterator[int]:
    """The queued runs that this node can execute, in the order in which they are due.

    Each person's runs go by age. Among people the one goes first who has the fewest
    runs under way at the organization, counting those that are given now. Runs of the
    images that it is `pulling` are passed over.
    """
    asked: dict[str, int | str] = {**_asked(node)}
    busy = _busy.rows(organization=node.organization_id)
    for n, row in enumerate(busy):
        asked |= {f"initiator{n}": row["task__initiator"], f"count{n}": row["count"]}
    for n, image in enumerate(pulling):
        asked[f"digest{n}"] = image.rpartition("@")[2]
    shape = tuple(node.contracts), len(busy), len(pulling)
    return _executable(node, _due.rows(*shape, **asked))


def _asked(node: Node) -> dict[str, int]:
    return {"node": node.pk, "organization": node.organization_id}


def _executable(node: Node, waiting: Sequence[dict[str, Any]]) -> Iterator[int]:
    """Keep the runs whose databases the node releases to their collaboration."""
    offers: dict[int, dict[str, str]] = {}
    for row in _released.rows(node=node.pk):
        offer = offers.setdefault(row["enrolment__collaboration"], {})
        offer[row["label"]] = row["type"]
    announced: dict[int, Announced] = {}
    for run in _in_pieces([row["pk"] for row in waiting]):
        task = run.task
        function = task.version.function(task.function)
        offer = offers.get(task.collaboration_id, {})
        if function is None or not suits(offer, function, task.databases):
            continue
        if task.columns:  # few tasks: read when the first is met
            pk = task.collaboration_id
            if pk not in announced:
                own = _columns.rows(node=node.pk, collaboration=pk)
                announced[pk] = {row["label"]: row["columns"] for row in own}
            if not has_columns(announced[pk], task):
                continue
        yield run.pk


def _in_pieces(pks: list[int]) -> Iterator[Run]:
    for start in range(0, len(pks), LOOKED_AT_ONCE):
        piece = pks[start : start + LOOKED_AT_ONCE]
        # One query for all lengths: the last is named until there are enough.
        full = [*piece, *[piece[-1]] * (LOOKED_AT_ONCE - len(piece))]
        named = {f"pk{n}": pk for n, pk in enumerate(full)}
        found = {run.pk: run for run in _looked_at.objects(**named)}
        yield from (found[pk] for pk in piece if pk in found)


def _build_queued(*, organization: int) -> Any:
    queued = Run.objects.filter(organization=organization, status=RunStatus.QUEUED)
    return queued.order_by().values("pk")[:1]


def _build_waiting(contracts: tuple[str, ...], *, node: int, organization: int) -> Any:
    return _queued_for(contracts, node, organization).order_by("pk").values("pk")


def _build_due(
    contracts: tuple[str, ...],
    busy: int,
    pulled: int,
    *,
    node: int,
    organization: int,
    **others: Any,
) -> Any:
    under_way = [
        When(task__initiator=others[f"initiator{n}"], then=Value(others[f"count{n}"]))
        for n in range(busy)
    ]
    own = Window(RowNumber(), partition_by=F("task__initiator"), order_by=F("id").asc())
    queued = _queued_for(contracts, node, organization).annotate(
        turn=own + Case(*under_way, default=Value(0))
    )
    if pulled:
        digests = [others[f"digest{n}"] for n in range(pulled)]
        queued = queued.exclude(task__version__digest__in=digests)
    return queued.order_by("turn", "pk").values("pk")


def _queued_for(contracts: tuple[str, ...], node: int, organization: int) -> Any:
    return Run.objects.filter(
        Q(not_before=None) | Q(not_before__lte=Now()),
        organization=organization,
        status=RunStatus.QUEUED,
        task__version__contract__in=contracts,
        task__collaboration__in=_served(node, organization),
    )


def _served(node: int, organization: int) -> Any:
    """Collaborations that the node announced and its organization takes part in."""
    going_on = Participation.objects.going_on().filter(organization=organization)
    agreed = going_on.values("collaboration")
    return Enrolment.objects.filter(node=node, collaboration__in=agreed).values(
        "collaboration"
    )


def _build_busy(*, organization: int) -> Any:
    """How many runs of a task's initiator the organization's nodes work on."""
    held = Run.objects.held().filter(node__organization=organization)
    busy = held.exclude(status__in=RESTING).order_by().values("task__initiator")
    return busy.annotate(count=Count("pk"))


def _build_looked_at(**pks: int) -> Any:
    runs = Run.objects.filter(pk__in=pks.values())
    return runs.select_related("task__version").order_by()


def _build_released(*, node: int) -> Any:
    released = DatabaseRelease.objects.filter(enrolment__node=node).order_by()
    return released.values("enrolment__collaboration", "label", "type")


def _build_columns(*, node: int, collaboration: int) -> Any:
    released = DatabaseRelease.objects.filter(enrolment__node=node).order_by()
    own = released.filter(enrolment__collaboration=collaboration)
    return own.values("label", "columns")


_queued = Prepared(_build_queued)
_waiting = Prepared(_build_waiting)
_due = Prepared(_build_due)
_busy = Prepared(_build_busy)
_looked_at = Prepared(_build_looked_at)
_released = Prepared(_build_released)
_columns = Prepared(_build_columns)
