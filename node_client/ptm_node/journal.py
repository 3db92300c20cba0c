"""What the node must not forget, in one SQLite file: written before acting.

A row is one attempt. It is there from the claim's answer until the server has
acknowledged its end; together the rows are what the node *holds*.
"""

import sqlite3
from enum import StrEnum

import msgspec
from msgspec import Struct

from ptm_node.messages import Assignment, Held, Holdings, Key, Report
from ptm_node.store import Store

# Noted by the site's operator: why nothing new is to begin.
PAUSE = "pause_ordered"
# The number of the daemon's newest start.
BOOT = "boot"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    assignment BLOB NOT NULL,
    phase TEXT NOT NULL,
    container TEXT,
    started_at REAL,
    output BLOB,
    report BLOB,
    stop TEXT,
    PRIMARY KEY (run, attempt)
)
"""


class Phase(StrEnum):
    CLAIMED = "claimed"  # the container has not started
    AWAITING_APPROVAL = "awaiting_approval"  # a steward has to say yes first
    STARTED = "started"
    AWAITING_RELEASE = "awaiting_release"  # the result waits for a steward
    SPOOLED = "spooled"  # the result waits to be sent
    ENDED = "ended"  # a last report waits to be sent


class Output(Struct, frozen=True):
    """A result in the spool."""

    sha256: str
    size: int
    media_type: str


class Row(Struct, frozen=True):
    assignment: Assignment
    phase: Phase
    container: str | None = None
    started_at: float | None = None
    output: Output | None = None
    report: Report | None = None
    stop: str | None = None
    waiting_since: float | None = None

    @property
    def key(self) -> Key:
        return self.assignment.key


class Journal(Store):
    """What the daemon holds, and what it was told by its operator."""

    migrations = (_SCHEMA, "ALTER TABLE runs ADD COLUMN waiting_since REAL")

    def begin_life(self, now: float) -> int:
        """Numbers this start of the daemon, higher than any before.

        The clock has a part in it, so that a node whose journal was lost comes back.
        """
        with self._transaction():
            boot = max(self._number(BOOT) + 1, round(now * 1000))
            self._set_meta(BOOT, boot)
        return boot

    def note(self, name: str, value: str | float) -> None:
        """Remembers something for `ptm-node status`."""
        with self._transaction():
            self._set_meta(name, value)

    def noted(self, name: str) -> str | float | None:
        with self._lock:
            return self._meta(name)

    def holdings(self) -> Holdings:
        """Last claim, what is held, and which of it is ending: one reading."""
        with self._transaction():
            last_claim = self._number("last_claim")
            rows = self._db.execute("SELECT run, attempt, phase, stop FROM runs")
            held = list(rows)
        ending = {row["run"] for row in held if row["stop"] or row["phase"] == "ended"}
        return Holdings(
            last_claim=last_claim,
            held=[Held(row["run"], row["attempt"]) for row in held],
            stopping=sorted(ending),
        )

    def record_claim(self, claim: int, assignments: list[Assignment]) -> list[Row]:
        """Keeps a claim's answer; returns what was not known before."""
        with self._transaction():
            self._set_meta("last_claim", claim)
            return [
                Row(assignment, Phase.CLAIMED)
                for assignment in assignments
                if self._insert(assignment)
            ]

    def adopt_last_claim(self, claim: int) -> None:
        with self._transaction():
            self._set_meta("last_claim", claim)

    def rows(self) -> list[Row]:
        with self._lock:
            found = self._db.execute("SELECT * FROM runs ORDER BY rowid").fetchall()
        return [_row(each) for each in found]

    def row(self, key: Key) -> Row | None:
        with self._lock:
            found = self._db.execute(
                "SELECT * FROM runs WHERE run = ? AND attempt = ?", key
            ).fetchone()
        return _row(found) if found else None

    def started(self, key: Key, container: str, at: float) -> None:
        self._update(key, phase=Phase.STARTED, container=container, started_at=at)

    def awaits_approval(self, key: Key, since: float) -> None:
        self._update(key, phase=Phase.AWAITING_APPROVAL, waiting_since=since)

    def approved(self, key: Key) -> None:
        self._update(key, phase=Phase.CLAIMED, waiting_since=None)

    def awaits_release(self, key: Key, output: Output, since: float) -> None:
        kept = msgspec.json.encode(output)
        phase = Phase.AWAITING_RELEASE
        self._update(key, phase=phase, output=kept, waiting_since=since)

    def spooled(self, key: Key, output: Output) -> None:
        self._update(key, phase=Phase.SPOOLED, output=msgspec.json.encode(output))

    def ended(self, key: Key, report: Report) -> None:
        self._update(key, phase=Phase.ENDED, report=msgspec.json.encode(report))

    def stop_ordered(self, key: Key, reason: str) -> None:
        self._update(key, stop=reason)

    def forget(self, key: Key) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM runs WHERE run = ? AND attempt = ?", key)

    def _insert(self, assignment: Assignment) -> bool:
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO runs (run, attempt, assignment, phase)"
            " VALUES (?, ?, ?, ?)",
            (*assignment.key, msgspec.json.encode(assignment), Phase.CLAIMED),
        )
        return cursor.rowcount == 1

    def _update(self, key: Key, **values: str | float | bytes | None) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        with self._transaction():
            self._db.execute(
                f"UPDATE runs SET {columns} WHERE run = ? AND attempt = ?",  # noqa: S608
                (*values.values(), *key),
            )

    def _meta(self, name: str) -> str | float | None:
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,))
        row = found.fetchone()
        return row["value"] if row else None

    def _number(self, name: str) -> int:
        return int(self._meta(name) or 0)

    def _set_meta(self, name: str, value: str | float) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _row(found: sqlite3.Row) -> Row:
    output, report = found["output"], found["report"]
    return Row(
        assignment=msgspec.json.decode(found["assignment"], type=Assignment),
        phase=Phase(found["phase"]),
        container=found["container"],
        started_at=found["started_at"],
        output=output and msgspec.json.decode(output, type=Output),
        report=report and msgspec.json.decode(report, type=Report),
        stop=found["stop"],
        waiting_since=found["waiting_since"],
    )
