"""`ptm-node status`: what the journal says, whether the daemon runs or not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from ptm_node.agent import take_state
from ptm_node.errors import ConfigError, StateInUse
from ptm_node.journal import PAUSE, Journal, Row


class HeldRun(TypedDict):
    run: int
    attempt: int
    task: str
    image: str
    phase: str
    started_at: str | None
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
    journal = _journal(state)
    try:
        node = journal.noted("node")
        organization = journal.noted("organization")
        return Status(
            running=_running(state),
            node=None if node is None else int(node),
            organization=None if organization is None else str(organization),
            paused=str(journal.noted("paused") or ""),
            last_claim=journal.holdings().last_claim,
            last_contact=_moment(journal.noted("last_contact")),
            held=[_held(row) for row in journal.rows()],
        )
    finally:
        journal.close()


def pause(state: Path, reason: str) -> None:
    """Begin nothing new until `resume`; a daemon that runs heeds it at its next look.

    An empty reason resumes.
    """
    journal = _journal(state)
    try:
        journal.note(PAUSE, reason)
    finally:
        journal.close()


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
        ending = f", to be stopped: {run['stop']}" if run["stop"] else ""
        lines.append(
            f"  run {run['run']} (attempt {run['attempt']}) of task {run['task']!r}:"
            f" {run['phase']}{ending}"
        )
    return "\n".join(lines)


def _journal(state: Path) -> Journal:
    path = state / "journal.sqlite3"
    if not path.exists():
        raise ConfigError(f"{state}: there is no journal; this node never ran.")
    return Journal(path)


def _held(row: Row) -> HeldRun:
    return HeldRun(
        run=row.key.run,
        attempt=row.key.attempt,
        task=row.assignment.task.name,
        image=row.assignment.image,
        phase=row.phase,
        started_at=_moment(row.started_at),
        stop=row.stop,
    )


def _running(state: Path) -> bool:
    try:
        take_state(state).close()
    except StateInUse:
        return True
    return False


def _moment(value: str | float | None) -> str | None:
    if value is None:
        return None
    return datetime.fromtimestamp(float(value), UTC).isoformat(timespec="seconds")
