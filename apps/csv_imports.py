"""What a preview has shown is done, all of it or nothing."""

import hashlib
import json
from collections.abc import Sequence

from tablib import Dataset

from apps.csv_rows import SAME, Line
from apps.errors import Conflict, Invalid, Refusal

# Each change derives rights anew, and each new person costs a slow hash.
CHANGES_AT_MOST = 100


def refuse_many(lines: Sequence[Line]) -> None:
    if sum(line.kind != SAME for line in lines) > CHANGES_AT_MOST:
        raise Invalid(
            "file",
            "file_too_many_changes",
            f"More than {CHANGES_AT_MOST} lines are new, changed or wrong. Divide the"
            " file.",
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
    seen = json.dumps([list(rows), agreed_of(lines)])
    return hashlib.sha256(seen.encode()).hexdigest()


def agreed_of(lines: Sequence[Line]) -> list[str]:
    return [line.agreed for line in lines]


def refuse_unmarked(rows: Dataset, lines: Sequence[Line], mark: str) -> None:
    """Refuse what the preview of this mark has not shown."""
    if mark_of(rows, lines) != mark:
        raise _changed()


def refuse_changed(lines: Sequence[Line], agreed: Sequence[str]) -> None:
    """Refuse what nobody has agreed to; in the transaction that this undoes."""
    if agreed_of(lines) != list(agreed):
        raise _changed()


def _changed() -> Conflict:
    return Conflict(
        "import_changed",
        "Nothing was imported: something has changed since the preview. Look at it"
        " again.",
    )
