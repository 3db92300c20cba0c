"""What the dashboard shows: what needs this person, and what is new for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Collaboration, Participation
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.lanes import Lane, lanes_of
from apps.tasks.models import Task
from apps.tasks.newest import nearest_tasks
from apps.tasks.selectors import run_counts

RUNNING, FRESH, ORGANIZATIONS = 5, 8, 20
LOOKED_AT = 50  # of so many newest tasks, the finished ones are fresh
TOPICS = 100  # of one kind; what is not heard of is read every 30 s


@dataclass(frozen=True)
class Dashboard:
    running: Sequence[tuple[Task, Sequence[Lane]]]
    more_running: bool
    invitations: Sequence[Participation]
    fresh: Sequence[tuple[Task, Sequence[tuple[str, int]]]]
    organizations: Sequence[tuple[Organization, Sequence[Node]]]
    newcomer: bool
    may_send: bool
    topics: Sequence[str]


def dashboard_of(user: User) -> Dashboard:
    visible = Task.objects.visible_to(user).select_related("organization", "version")
    mine = visible.filter(initiator=user, status=TaskStatus.OPEN).order_by("-id")
    tasks = list(mine[: RUNNING + 1])
    lanes = lanes_of(tasks[:RUNNING], user)
    organizations = _own_organizations(user)
    sending = Collaboration.objects.with_sender(user)
    invitations = Participation.objects.answerable_by(user)
    return Dashboard(
        running=[(task, lanes[task.pk]) for task in tasks[:RUNNING]],
        more_running=len(tasks) > RUNNING,
        invitations=list(
            invitations.filter(status=ParticipationStatus.INVITED).select_related(
                "collaboration", "organization"
            )
        ),
        fresh=_fresh(user),
        organizations=organizations,
        newcomer=not Task.objects.filter(initiator=user).exists(),
        may_send=bool(organizations) and sending.exists(),
        topics=_topics(user, lanes, organizations),
    )


def _fresh(user: User) -> list[tuple[Task, list[tuple[str, int]]]]:
    newest = nearest_tasks(user, {}, "-pk", LOOKED_AT).filter(
        status=TaskStatus.FINISHED
    )
    tasks = list(
        newest.select_related("initiator", "organization").order_by("-id")[:FRESH]
    )
    counts = run_counts([task.pk for task in tasks])
    return [
        (task, [(s, counts[task.pk][s]) for s in RunStatus if s in counts[task.pk]])
        for task in tasks
    ]


def _own_organizations(user: User) -> list[tuple[Organization, list[Node]]]:
    own = Organization.objects.filter(memberships__user=user)
    with_role = own.annotate(role=F("memberships__role")).order_by("name")
    organizations = list(with_role[:ORGANIZATIONS])
    nodes = Node.objects.in_use().filter(organization__in=organizations)
    by_site: dict[int, list[Node]] = {o.pk: [] for o in organizations}
    for node in nodes.order_by("name"):
        by_site[node.organization_id].append(node)
    return [(o, by_site[o.pk]) for o in organizations]


def _topics(
    user: User,
    lanes: dict[int, list[Lane]],
    organizations: Sequence[tuple[Organization, Sequence[Node]]],
) -> list[str]:
    collaborations = Collaboration.objects.visible_to(user).order_by("-id")
    sites = {organization.pk for organization, _ in organizations}
    sites |= {lane.run.organization_id for row in lanes.values() for lane in row}
    return [
        *(f"tasks:{pk}" for pk in collaborations.values_list("pk", flat=True)[:TOPICS]),
        *(f"presence:{pk}" for pk in sorted(sites)[:TOPICS]),
    ]
