"""`ptm-node runs`: what is held, and what has ended, as the site's audit tells it."""

from contextlib import closing
from pathlib import Path
from typing import TypedDict

from ptm_node.audit import Audit, Fact
from ptm_node.journal import Row
from ptm_node.messages import Key
from ptm_node.status import open_journal
from ptm_node.terminal import printable


class Told(TypedDict):
    """One attempt. `state` is its phase, or how it ended; `code` why, if it failed."""

    run: int
    attempt: int
    state: str
    code: str | None
    ended: bool
    at: str | None
    image: str | None
    function: str | None


_ENDINGS = {
    "result.sent": "completed",
    "result.discarded": "discarded",
    "run.failed": "failed",
    "run.rejected": "rejected",
    "run.withheld": "withheld",
    "run.cancelled": "cancelled",
    "run.queued": "given back",
}


def read(state: Path, limit: int) -> list[Told]:
    """Held runs first, then those that ended, the newest first."""
    with open_journal(state) as journal:
        rows = journal.rows()
    held = {row.key for row in rows}
    with closing(Audit(state / "audit.sqlite3")) as audit:
        ended = audit.newest_of([*_ENDINGS], limit)
        accepted = {_key(each): each for each in audit.newest("run.accepted")}
    return [
        *map(_held, rows),
        *(_ended(each, accepted) for each in ended if _key(each) not in held),
    ]


def describe(told: list[Told]) -> str:
    return "\n".join(map(_line, told)) or "There were no runs yet."


def _held(row: Row) -> Told:
    return Told(
        run=row.key.run,
        attempt=row.key.attempt,
        state=row.phase,
        code=row.report.code if row.report else None,
        ended=False,
        at=None,
        image=row.assignment.image,
        function=row.assignment.function,
    )


def _ended(entry: dict[str, Fact], accepted: dict[Key, dict[str, Fact]]) -> Told:
    key = _key(entry)
    began = accepted.get(key, {})
    return Told(
        run=key.run,
        attempt=key.attempt,
        state=_ENDINGS[str(entry["event"])],
        code=_text(entry.get("code")),
        ended=True,
        at=_text(entry["at"]),
        image=_text(began.get("image")),
        function=_text(began.get("function")),
    )


def _key(entry: dict[str, Fact]) -> Key:
    return Key(int(str(entry["run"])), int(str(entry["attempt"])))


def _text(fact: Fact) -> str | None:
    return None if fact is None else str(fact)


def _line(told: Told) -> str:
    why = f" ({told['code']})" if told["code"] else ""
    what = ""
    if told["image"]:
        what = f"  {told['function']} of {told['image'].partition('@')[0]}"
    when = told["at"] or "now"
    place = f"run {told['run']} (attempt {told['attempt']})"
    return printable(f"{when:<30}{place:<24}{told['state']}{why}{what}")
