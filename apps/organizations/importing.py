"""Many members at once, from a file: shown first, then done, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.people import FirstPassword, first_password
from apps.errors import Conflict, Invalid
from apps.organizations.member_rows import Kind, Line, MemberRows

# Each change derives rights anew, and each new person costs a slow hash.
CHANGES_AT_MOST = 100


@dataclass(frozen=True)
class Admitted:
    """A new person's line with the password that is shown once."""

    line: Line
    password: FirstPassword


def preview_members(*, reader: User, rows: Dataset) -> list[Line]:
    """Return what an import would do, line by line, and do nothing."""
    lines = _import(MemberRows(reader), rows, dry_run=True)
    if sum(line.kind != Kind.SAME for line in lines) > CHANGES_AT_MOST:
        raise Invalid(
            "file",
            "file_too_many_changes",
            f"More than {CHANGES_AT_MOST} lines are new, changed or wrong. Divide the"
            " file.",
        )
    return lines


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
            raise Conflict(
                "import_changed",
                "Nothing was imported: something has changed since the preview. Look"
                " at it again.",
            )
    admitted = [line for line in lines if line.kind == Kind.PERSON]
    return lines, [
        Admitted(line, passwords[line.cells["username"]]) for line in admitted
    ]


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
