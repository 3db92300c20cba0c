"""`ptm-node status`: what the journal says, whether the daemon runs or not."""

from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from ptm_node.errors import ConfigError
from ptm_node.journal import PAUSE, Journal, Row
from ptm_node.state import HEED, is_used, tell


class HeldRun(TypedDict):
    run: int
    attempt: int
    task: str
    image: str
    phase: str
    started_at: str | None
    waiting_since: str | None
    stop: str | None


class Status(TypedDict):
    running: bool
    node: int | None
    organization: str | None
    paused: str
    last_claim: int
    last_contact: str | None
    held: list[HeldRun]


def read(state: Path) -> Status:
    with open_journal(state) as journal:
        node = journal.noted("node")
        organization = journal.noted("organization")
        return Status(
            running=is_used(state),
            node=None if node is None else int(node),
            organization=None if organization is None else str(organization),
            paused=str(journal.noted("paused") or ""),
            last_claim=journal.holdings().last_claim,
            last_contact=moment(journal.noted("last_contact")),
            held=[_held(row) for row in journal.rows()],
        )


def pause(state: Path, reason: str) -> None:
    """Begin nothing new until `resume`, which is an empty reason."""
    with open_journal(state) as journal:
        journal.note(PAUSE, reason)
    tell(state, HEED)


def describe(status: Status) -> str:
    lines = [
        f"daemon        {'runs' if status['running'] else 'does not run'}",
        f"node          {status['node'] or '?'} of {status['organization'] or '?'}",
        f"last contact  {status['last_contact'] or 'never'}",
        f"last claim    {status['last_claim']}",
        f"takes work    {'no: ' + status['paused'] if status['paused'] else 'yes'}",
        f"holds         {len(status['held'])} runs",
    ]
    for run in status["held"]:
        since = f" since {run['waiting_since']}" if run["waiting_since"] else ""
        ending = f", to be stopped: {run['stop']}" if run["stop"] else ""
        lines.append(
            f"  run {run['run']} (attempt {run['attempt']}) of task {run['task']!r}:"
            f" {run['phase']}{since}{ending}"
        )
    return "\n".join(lines)


def open_journal(state: Path) -> AbstractContextManager[Journal]:
    path = state / "journal.sqlite3"
    if not path.exists():
        raise ConfigError(f"{state}: there is no journal; this node never ran.")
    return closing(Journal(path))


def _held(row: Row) -> HeldRun:
    return HeldRun(
        run=row.key.run,
        attempt=row.key.attempt,
        task=row.assignment.task.name,
        image=row.assignment.image,
        phase=row.phase,
        started_at=moment(row.started_at),
        waiting_since=moment(row.waiting_since),
        stop=row.stop,
    )


def moment(value: str | float | None) -> str | None:
    if value is None:
        return None
    return datetime.fromtimestamp(float(value), UTC).isoformat(timespec="seconds")
