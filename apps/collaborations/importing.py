"""Members of collaborations: taken away as a file, and brought in from one.

What a file would do is shown first, and then done, all or nothing.
"""

from collections.abc import Sequence

from django.db import transaction
from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.collaborations.member_rows import PartyLine, PartyRows
from apps.collaborations.models import Collaboration
from apps.collaborations.roster import Roster
from apps.collaborations.selectors import MANAGE, ParticipationQuerySet
from apps.csv_imports import (
    agreed_of,
    mark_of,
    refuse_changed,
    refuse_many,
    refuse_unmarked,
    refuse_wrong,
)


@transaction.atomic
def export_participations(
    *, reader: User, participations: ParticipationQuerySet
) -> str:
    """Return those of the collaborations that the reader manages, as CSV."""
    record(
        actor=Actor.user(reader.pk),
        action="participations.exported",
        object_type="user",
        object_id=reader.pk,
    )
    return PartyRows(reader).text_of(participations.managed_by(reader))


def preview_participations(*, reader: User, rows: Dataset) -> list[PartyLine]:
    """Return what an import would do, line by line, and do nothing."""
    looked = PartyRows(reader)
    lines = looked.run(rows, dry_run=True)
    refuse_many(lines)
    _keep_told(reader, looked.roster)
    return lines


def import_marked(*, reader: User, rows: Dataset, mark: str) -> list[PartyLine]:
    """Do what the preview of this mark has shown, if it would still be done."""
    looked = PartyRows(reader)
    lines = looked.run(rows, dry_run=True)
    refuse_many(lines)
    if mark_of(rows, lines) != mark or any(line.faults for line in lines):
        _keep_told(reader, looked.roster)
    refuse_wrong(lines)
    refuse_unmarked(rows, lines, mark)
    return import_participations(reader=reader, rows=rows, agreed=agreed_of(lines))


@transaction.atomic
def import_participations(
    *, reader: User, rows: Dataset, agreed: Sequence[str]
) -> list[PartyLine]:
    """Do what was agreed to, and refuse where something else would be done now."""
    _lock(reader, rows)
    lines = PartyRows(reader).run(rows, dry_run=False)
    refuse_changed(lines, agreed)
    return lines


def _keep_told(reader: User, roster: Roster) -> None:
    """The names of whom the reader does not see, whether there is one or not.

    Who invites one by one is told too; but there an invitation stays, and here nothing.
    """
    keep_told(
        reader,
        "organization",
        names=len(roster.out_of_sight),
        collaboration=min(roster.open.values(), default=None),
    )


def _lock(reader: User, rows: Dataset) -> None:
    """All that the file is about, in one order: nobody waits in a circle."""
    managed = Collaboration.objects.permitted_to(reader, MANAGE)
    named = managed.filter(name__in=set(rows["collaboration"])).order_by("pk")
    list(named.select_for_update().values_list("pk"))
