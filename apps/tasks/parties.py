"""Who may send a task, for which organization, to whom: asked before it is stored."""

from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.models import Collaboration, Participation, Study
from apps.collaborations.policy import why_closed
from apps.errors import Forbidden, Invalid, Refusal
from apps.organizations.models import Organization
from apps.prepared import Prepared
from apps.tasks.choices import TaskStatus
from apps.tasks.models import Task
from apps.tasks.visible import asker, kind_of


def collaboration_for(user: User, collaboration_id: int) -> Collaboration:
    """Return the collaboration; one that is not the user's seems not to exist."""
    asked = {"user": user.pk, "collaboration": collaboration_id}
    found = _sendable.objects(*kind_of(user), **asked)
    if not found:
        raise _no_task(user, asked)
    collaboration: Collaboration = found[0]
    require_open(collaboration)
    return collaboration


def _no_task(user: User, asked: dict[str, int]) -> Refusal:
    """Only who sees the collaboration is told that there is one."""
    if _visible.objects(*kind_of(user), **asked):
        return Forbidden("Your role does not allow sending tasks here.")
    return Invalid(
        "collaboration", "collaboration_unknown", "There is no such collaboration."
    )


def _build_visible(
    active: bool, superuser: bool, *, user: int, collaboration: int
) -> QuerySet[Any, Any]:
    visible = Collaboration.objects.visible_to(asker(active, superuser, user))
    return visible.filter(pk=collaboration).order_by()


def _build_sendable(
    active: bool, superuser: bool, *, user: int, collaboration: int
) -> QuerySet[Any, Any]:
    sendable = Collaboration.objects.with_sender(asker(active, superuser, user))
    return sendable.filter(pk=collaboration).order_by()


def _build_senders(
    active: bool, superuser: bool, *, user: int, collaboration: int
) -> QuerySet[Any, Any]:
    own = Organization.objects.with_sender(asker(active, superuser, user))
    may = Participation.objects.accepted().filter(
        collaboration=collaboration, may_create_tasks=True
    )
    return own.filter(memberships__user=user, participations__in=may)


def _build_members(*, collaboration: int, **organizations: int) -> QuerySet[Any, Any]:
    accepted = Participation.objects.accepted().filter(collaboration=collaboration)
    members = Organization.objects.filter(participations__in=accepted)
    return members.filter(pk__in=organizations.values()).order_by()


def _build_consent(*, collaboration: int, **organizations: int) -> QuerySet[Any, Any]:
    # The collaboration's row is locked first, as by whoever ends a participation.
    return (
        Collaboration.objects.filter(
            pk=collaboration,
            archived_at=None,
            participations__status=ParticipationStatus.ACCEPTED,
            participations__organization__in=organizations.values(),
        )
        .order_by()
        .select_for_update()
        .values("participations__organization")
    )


_visible = Prepared(_build_visible)
_sendable = Prepared(_build_sendable)
_senders = Prepared(_build_senders)
_members = Prepared(_build_members)
_consent = Prepared(_build_consent, shared=True)


def require_open(collaboration: Collaboration) -> None:
    if closed := why_closed(collaboration):
        raise Invalid("collaboration", *closed)


def require_sender(collaboration: Collaboration, organization: Organization) -> None:
    sending = collaboration.participations.accepted().filter(may_create_tasks=True)
    if not sending.filter(organization=organization).exists():
        raise _sends_nothing(organization)


def sending_organizations(
    user: User, collaboration: Collaboration
) -> list[Organization]:
    """The user's own organizations that may send here, and for which they may."""
    asked = {"user": user.pk, "collaboration": collaboration.pk}
    return _senders.objects(*kind_of(user), **asked)


def initiating_organization(
    user: User, collaboration: Collaboration, wanted: int | None
) -> Organization:
    """Return the organization for which the task is sent: the named or the only one."""
    candidates = [
        organization
        for organization in sending_organizations(user, collaboration)
        if wanted in (None, organization.pk)
    ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise Invalid(
            "organization",
            "organization_ambiguous",
            "Say for which of your organizations you send the task.",
        )
    raise _no_sender(user, collaboration, wanted)


def _no_sender(user: User, collaboration: Collaboration, wanted: int | None) -> Invalid:
    """Say what keeps the user's organization from sending: only to its own members."""
    stopped = collaboration.participations.accepted().filter(
        organization__memberships__user=user, may_create_tasks=False
    )
    if wanted is not None:
        stopped = stopped.filter(organization=wanted)
    if (found := stopped.select_related("organization").first()) is not None:
        return _sends_nothing(found.organization)
    return Invalid(
        "organization",
        "organization_unknown",
        "You cannot send tasks for this organization here.",
    )


def addressed_study(
    collaboration: Collaboration, study_id: int | None, organizations: list[int]
) -> Study | None:
    """Return the study that the task is for; it addresses no site outside of it."""
    if study_id is None:
        return None
    study: Study | None = (
        collaboration.studies.going_on()
        .filter(pk=study_id)
        .prefetch_related("organizations")
        .first()
    )
    if study is None:
        raise Invalid(
            "study", "study_unknown", "The collaboration has no such study going on."
        )
    outside = set(organizations) - {o.pk for o in study.organizations.all()}
    if outside:
        raise Invalid(
            "organizations",
            "organization_outside_study",
            f"Organization {min(outside)} is not part of this study.",
        )
    return study


def _sends_nothing(organization: Organization) -> Invalid:
    return Invalid(
        "organization",
        "organization_may_not_send",
        f"The collaboration lets {organization} send no tasks.",
    )


def addressed_organizations(
    collaboration: Collaboration, ids: list[int]
) -> list[Organization]:
    named = {f"organization{n}": pk for n, pk in enumerate(ids)}
    found = _members.objects(collaboration=collaboration.pk, **named)
    by_id = {organization.pk: organization for organization in found}
    if len(set(ids)) != len(ids):
        raise Invalid(
            "organizations", "organization_twice", "Name each organization once."
        )
    for pk in ids:
        if pk not in by_id:
            raise Invalid(
                "organizations",
                "organization_unknown",
                f"Organization {pk} does not take part in this collaboration.",
            )
    return [by_id[pk] for pk in ids]


def hold_consent(task: Task, organizations: list[int]) -> bool:
    """Whether sender and sites still take part; if so, they do until the transaction
    ends: whoever archives or ends waits, and then finds the runs that it queued.
    """
    wanted = {task.organization_id, *organizations}
    named = {f"organization{n}": pk for n, pk in enumerate(sorted(wanted))}
    return len(_consent.rows(collaboration=task.collaboration_id, **named)) == len(
        wanted
    )


def require_consent(task: Task, organizations: list[int]) -> None:
    """Refuse what has ended since it was asked. First in the storing transaction."""
    if hold_consent(task, organizations):
        return
    task.collaboration.refresh_from_db(fields=("archived_at",))
    require_open(task.collaboration)
    require_sender(task.collaboration, task.organization)
    addressed_organizations(task.collaboration, organizations)


def require_room(collaboration: Collaboration, user_id: int) -> None:
    """Refuse one more open task of the person than the policy allows.

    Call it in the transaction that stores the task.
    """
    limit = collaboration.open_tasks_per_user
    if limit is None:
        return
    # One at a time: two that are sent at once would both find room. Keys of other
    # rows point at the person and are not to be waited for, hence `no_key`.
    User.objects.select_for_update(no_key=True).get(pk=user_id)
    going_on = Task.objects.filter(
        initiator=user_id,
        collaboration=collaboration,
        status=TaskStatus.OPEN,
        parent_run=None,
    )
    if going_on[:limit].count() >= limit:
        open_tasks = "1 open task" if limit == 1 else f"{limit} open tasks"
        raise Invalid(
            "collaboration",
            "open_tasks_limit",
            f"One person has at most {open_tasks} here: wait until one has finished,"
            " or cancel one.",
        )
