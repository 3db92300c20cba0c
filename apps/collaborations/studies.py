"""Studies: named subsets of the organizations that take part."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from apps.audit.actors import Actor
from apps.audit.services import record
from apps.collaborations.models import Collaboration, Participation, Study
from apps.collaborations.policy import lock_changeable
from apps.errors import Conflict, Invalid
from apps.organizations.models import Organization


@transaction.atomic
def create_study(
    *,
    collaboration: Collaboration,
    name: str,
    organizations: Iterable[Organization],
    actor: Actor,
) -> Study:
    lock_changeable(collaboration.pk)
    study = Study(collaboration=collaboration, name=name)
    study.full_clean()
    study.save()
    _set_organizations(study, organizations)
    _record(actor, "study.created", study)
    return study


@transaction.atomic
def update_study(
    *, study: Study, name: str, organizations: Iterable[Organization], actor: Actor
) -> None:
    """Change name and organizations; tasks that were sent to it go on."""
    lock_changeable(study.collaboration_id)
    _require_going_on(study)
    study.name = name
    study.full_clean()
    study.save(update_fields=("name",))
    _set_organizations(study, organizations)
    _record(actor, "study.changed", study)


@transaction.atomic
def end_study(*, study: Study, actor: Actor) -> None:
    """Take no new task for it; those that were sent go on, and it stays named."""
    lock_changeable(study.collaboration_id)
    _require_going_on(study)
    study.ended_at = timezone.now()
    study.save(update_fields=("ended_at",))
    _record(actor, "study.ended", study)


def leave_studies(participation: Participation) -> None:
    """Take an organization that no longer takes part out of every study."""
    Study.organizations.through.objects.filter(
        study__collaboration=participation.collaboration_id,
        organization=participation.organization_id,
    ).delete()


def _require_going_on(study: Study) -> None:
    if not Study.objects.going_on().filter(pk=study.pk).exists():
        raise Conflict("study_ended", "The study has ended.")


def _set_organizations(study: Study, organizations: Iterable[Organization]) -> None:
    wanted = {organization.pk for organization in organizations}
    if not wanted:
        raise Invalid(
            "organizations", "study_empty", "A study has at least one organization."
        )
    accepted = study.collaboration.participations.accepted()
    if wanted - set(accepted.values_list("organization", flat=True)):
        raise Invalid(
            "organizations",
            "organization_unknown",
            "Only organizations that take part in the collaboration can be in a study.",
        )
    study.organizations.set(wanted)


def _record(actor: Actor, action: str, study: Study) -> None:
    record(
        actor=actor,
        action=action,
        object_type="study",
        object_id=study.pk,
        collaboration=study.collaboration_id,
        organizations=sorted(study.organizations.values_list("pk", flat=True)),
    )
