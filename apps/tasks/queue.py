"""What waits for an organization's nodes, and in which order it is given to them."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Case, Count, F, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.prepared import Prepared
from apps.tasks.authoring import suits
from apps.tasks.choices import RunStatus
from apps.tasks.columns import has_columns
from apps.tasks.models import Run
from apps.tasks.sites import Announced

# A long queue is read in pieces: its bytes are not taken at once.
LOOKED_AT_ONCE = 50
# These wait for a person, and keep no place from anybody.
RESTING = (RunStatus.AWAITING_APPROVAL, RunStatus.AWAITING_RELEASE)


def anything_waits(node: Node) -> bool:
    """Whether the organization has a queued run, for whichever of its nodes."""
    return bool(_queued.rows(organization=node.organization_id))


def _build_queued(*, organization: int) -> Any:
    queued = Run.objects.filter(organization=organization, status=RunStatus.QUEUED)
    return queued.order_by().values("pk")[:1]


_queued = Prepared(_build_queued)


def work_waits(node: Node) -> bool:
    """Whether a queued run could be claimed by this node now."""
    if not anything_waits(node):
        return False  # as nearly always when a node asks
    waiting = _queued_for(node).order_by("id")
    return next(_executable(node, waiting), None) is not None


def in_turn(node: Node, pulling: Sequence[str] = ()) -> Iterator[Run]:
    """The queued runs that this node can execute, in the order in which they are due.

    Each person's runs go by age. Among people the one goes first who has the fewest
    runs under way at the organization, counting those that are given now. Runs of the
    images that it is `pulling` are passed over.
    """
    own = Window(RowNumber(), partition_by=F("task__initiator"), order_by=F("id").asc())
    queued = _queued_for(node).annotate(turn=own + _under_way(node))
    if pulling:
        digests = [image.rpartition("@")[2] for image in pulling]
        queued = queued.exclude(task__version__digest__in=digests)
    return _executable(node, queued.order_by("turn", "id"))


def _under_way(node: Node) -> Case:
    """How many runs of a task's initiator the organization's nodes work on."""
    held = Run.objects.held().filter(node__organization=node.organization_id)
    busy = held.exclude(status__in=RESTING).order_by().values_list("task__initiator")
    counts = [
        When(task__initiator=initiator, then=Value(count))
        for initiator, count in busy.annotate(count=Count("pk"))
    ]
    return Case(*counts, default=Value(0))


def _queued_for(node: Node) -> Any:
    ready = Q(not_before=None) | Q(not_before__lte=timezone.now())
    return Run.objects.filter(
        ready,
        organization=node.organization_id,
        status=RunStatus.QUEUED,
        task__version__contract__in=node.contracts,
        task__collaboration__in=_served(node),
    )


def _served(node: Node) -> Any:
    """Collaborations that the node announced and its organization takes part in."""
    going_on = node.organization.participations.going_on()
    agreed = going_on.values("collaboration")
    return Enrolment.objects.filter(node=node, collaboration__in=agreed).values(
        "collaboration"
    )


def _executable(node: Node, queued: Any) -> Iterator[Run]:
    """Keep the runs whose databases the node releases to their collaboration."""
    releases = DatabaseRelease.objects.filter(enrolment__node=node)
    announced: dict[int, Announced] = {}
    offers: dict[int, dict[str, str]] = {}
    for pk, label, kind in releases.values_list(
        "enrolment__collaboration", "label", "type"
    ):
        offers.setdefault(pk, {})[label] = kind
    runs = queued.select_related("task__version").iterator(LOOKED_AT_ONCE)
    for run in runs:
        task = run.task
        function = task.version.function(task.function)
        offer = offers.get(task.collaboration_id, {})
        if function is None or not suits(offer, function, task.databases):
            continue
        if task.columns:  # few tasks: read when the first is met
            pk = task.collaboration_id
            if pk not in announced:
                own = releases.filter(enrolment__collaboration=pk)
                announced[pk] = dict(own.values_list("label", "columns"))
            if not has_columns(announced[pk], task):
                continue
        yield run
