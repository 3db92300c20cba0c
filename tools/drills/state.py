"""What stands in a node's state folder, read by others than the daemon."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from ptm_node.audit import Audit


def held(state: Path) -> list[str]:
    """What the journal holds."""
    with closing(sqlite3.connect(state / "journal.sqlite3")) as journal:
        rows = journal.execute("SELECT run, attempt, phase FROM runs").fetchall()
    return [f"run {run} attempt {attempt} {phase}" for run, attempt, phase in rows]


def waiting(state: Path) -> list[str]:
    """Files of runs that are under way, or wait to be sent."""
    folders = (state / "spool", state / "work")
    return [
        str(path.relative_to(state.parent)) for f in folders for path in f.glob("*")
    ]


def audited(state: Path, event: str, run: int) -> list[Mapping[str, object]]:
    """The entries of one kind that the site's own audit has of a run."""
    with closing(Audit(state / "audit.sqlite3")) as audit:
        return [each for each in audit.newest(event) if each["run"] == run]
