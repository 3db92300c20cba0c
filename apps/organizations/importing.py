"""Many members at once: taken away as a file, and brought in from one.

What a file would do is shown first, and then done, all or nothing.
"""

import hashlib
import json
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
from apps.errors import Conflict, Invalid, Refusal
from apps.organizations.member_rows import Kind, Line, MemberRows, exported
from apps.organizations.models import Membership
from apps.organizations.roster import Roster

# Each change derives rights anew, and each new person costs a slow hash.
CHANGES_AT_MOST = 100


@dataclass(frozen=True)
class Admitted:
    """A new person's line with the password that is shown once."""

    line: Line
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
    return exported(reader, memberships)


def preview_members(*, reader: User, rows: Dataset) -> list[Line]:
    """Return what an import would do, line by line, and do nothing."""
    resource = MemberRows(reader)
    lines = _import(resource, rows, dry_run=True)
    if sum(line.kind != Kind.SAME for line in lines) > CHANGES_AT_MOST:
        raise Invalid(
            "file",
            "file_too_many_changes",
            f"More than {CHANGES_AT_MOST} lines are new, changed or wrong. Divide the"
            " file.",
        )
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


def refuse_wrong(lines: Sequence[Line]) -> None:
    """Name every wrong cell by its line and column."""
    errors = {
        f"{line.number}/{column}": texts
        for line in lines
        for column, _, texts in line.faults
    }
    if errors:
        sentence = "Some lines are wrong, so nothing is imported."
        raise Refusal("members_wrong", sentence, status=422, errors=errors)


def mark_of(rows: Dataset, lines: Sequence[Line]) -> str:
    """A mark of all that a preview has shown: the file, and what it would do."""
    seen = json.dumps([list(rows), [line.agreed for line in lines]])
    return hashlib.sha256(seen.encode()).hexdigest()


def import_marked(
    *, reader: User, rows: Dataset, mark: str
) -> tuple[list[Line], list[Admitted]]:
    """Do what the preview of this mark has shown, if it would still be done."""
    lines = preview_members(reader=reader, rows=rows)
    refuse_wrong(lines)
    if mark_of(rows, lines) != mark:
        raise _changed()
    agreed = [line.agreed for line in lines]
    return import_members(reader=reader, rows=rows, agreed=agreed)


def import_members(
    *, reader: User, rows: Dataset, agreed: Sequence[str]
) -> tuple[list[Line], list[Admitted]]:
    """Do what was agreed to, and refuse where something else would be done now."""
    new = [
        name
        for name, seen in zip(rows["username"], agreed, strict=True)
        if seen.startswith(Kind.PERSON)
    ]
    # Hashed before the transaction: others write meanwhile.
    passwords = {name: first_password() for name in new}
    with transaction.atomic():
        lines = _import(MemberRows(reader, passwords), rows, dry_run=False)
        if [line.agreed for line in lines] != list(agreed):
            raise _changed()
    admitted = [line for line in lines if line.kind == Kind.PERSON]
    return lines, [
        Admitted(line, passwords[line.cells["username"]]) for line in admitted
    ]


def _changed() -> Conflict:
    return Conflict(
        "import_changed",
        "Nothing was imported: something has changed since the preview. Look at it"
        " again.",
    )


def _import(resource: MemberRows, rows: Dataset, *, dry_run: bool) -> list[Line]:
    result = resource.import_data(
        rows,
        dry_run=dry_run,
        use_transactions=True,
        rollback_on_validation_errors=True,
    )
    for found in [
        *result.base_errors,
        *(e for _, es in result.row_errors() for e in es),
    ]:
        raise found.error
    for line, row in zip(resource.lines, result.rows, strict=True):
        if row.validation_error is not None:
            line.kind, line.errors = Kind.WRONG, row.validation_error.message_dict
    return resource.lines
