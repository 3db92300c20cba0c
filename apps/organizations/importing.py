"""Many members at once: taken away as a file, and brought in from one.

What a file would do is shown first, and then done, all or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.accounts.people import FirstPassword, first_password
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.csv_imports import (
    agreed_of,
    refuse_changed,
    refuse_many,
    refuse_unmarked,
    refuse_wrong,
)
from apps.organizations.member_rows import Kind, MemberLine, MemberRows
from apps.organizations.models import Membership
from apps.organizations.roster import Roster


@dataclass(frozen=True)
class Admitted:
    """A new person's line with the password that is shown once."""

    line: MemberLine
    password: FirstPassword


@transaction.atomic
def export_members(*, reader: User, memberships: QuerySet[Membership]) -> str:
    """Return them as CSV, which an import understands."""
    record(
        actor=Actor.user(reader.pk),
        action="members.exported",
        object_type="user",
        object_id=reader.pk,
    )
    return MemberRows(reader).text_of(memberships)


def preview_members(*, reader: User, rows: Dataset) -> list[MemberLine]:
    """Return what an import would do, line by line, and do nothing."""
    resource = MemberRows(reader)
    lines = resource.run(rows, dry_run=True)
    refuse_many(lines)
    _keep_taken(reader, resource.roster)
    return lines


def _keep_taken(reader: User, roster: Roster) -> None:
    """The names in the file of people whom the reader cannot see."""
    own = [organization.pk for organization in roster.organizations.values()]
    keep_told(
        reader,
        "user",
        names=len(roster.taken_elsewhere),
        organization=min(own, default=None),
    )


def import_marked(
    *, reader: User, rows: Dataset, mark: str
) -> tuple[list[MemberLine], list[Admitted]]:
    """Do what the preview of this mark has shown, if it would still be done."""
    lines = preview_members(reader=reader, rows=rows)
    refuse_wrong(lines)
    refuse_unmarked(rows, lines, mark)
    return import_members(reader=reader, rows=rows, agreed=agreed_of(lines))


def import_members(
    *, reader: User, rows: Dataset, agreed: Sequence[str]
) -> tuple[list[MemberLine], list[Admitted]]:
    """Do what was agreed to, and refuse where something else would be done now."""
    new = [
        name
        for name, seen in zip(rows["username"], agreed, strict=True)
        if seen.startswith(Kind.PERSON)
    ]
    # Hashed before the transaction: others write meanwhile.
    passwords = {name: first_password() for name in new}
    with transaction.atomic():
        lines = MemberRows(reader, passwords).run(rows, dry_run=False)
        refuse_changed(lines, agreed)
    admitted = [line for line in lines if line.kind == Kind.PERSON]
    return lines, [
        Admitted(line, passwords[line.cells["username"]]) for line in admitted
    ]
