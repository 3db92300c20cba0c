"""What happened at the site and who decided it, in a chain that shows any change.

Every entry is a line of JSON. Its hash is SHA-256 over the hash before it, a line feed
and the entry; the first follows 64 zeros. The server is told the newest number and
hash with each heartbeat, so that a chain that was written anew shows as well.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256

from ptm_node.errors import AuditBroken
from ptm_node.messages import Head
from ptm_node.store import Store

Fact = str | int | float | bool | None | list[str]
BEGINNING = "0" * 64
_SCHEMA = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries stay as they are'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries stay as they are'); END
"""
_ANSWERS = """
CREATE TABLE answers (
    number INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    yes INTEGER NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    until REAL
);
CREATE INDEX answers_by_subject ON answers (subject)
"""


class Audit(Store):
    """The chain. Answers of stewards stand beside it, each under its entry's number."""

    migrations = (_SCHEMA, _ANSWERS)

    def record(self, event: str, **facts: Fact) -> None:
        with self.recording(event, **facts):
            pass

    @contextmanager
    def recording(
        self, event: str, **facts: Fact
    ) -> Iterator[tuple[int, sqlite3.Connection]]:
        """One entry, and whatever else is written, in one transaction."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = json.dumps({"at": at, "event": event, **facts}, ensure_ascii=False)
        with self._transaction():
            head = self._head()
            number = head.number + 1
            self._db.execute(
                "INSERT INTO entries VALUES (?, ?, ?)",
                (number, entry, _hash(head.sha256, entry)),
            )
            yield number, self._db

    def head(self) -> Head:
        with self._lock:
            return self._head()

    def entries(self) -> Iterator[sqlite3.Row]:
        """All, oldest first: number, entry, sha256."""
        with self._lock:
            yield from self._db.execute("SELECT * FROM entries ORDER BY number")

    def newest(self, event: str) -> Iterator[dict[str, Fact]]:
        """Entries of one event, newest first."""
        return self.newest_of([event], limit=-1)

    def newest_of(self, events: list[str], limit: int) -> Iterator[dict[str, Fact]]:
        """Entries of some events, newest first, `limit` at most."""
        wanted = ", ".join("?" * len(events))
        chosen = f"SELECT entry FROM entries WHERE entry ->> 'event' IN ({wanted})"  # noqa: S608
        with self._lock:
            rows = self._db.execute(
                f"{chosen} ORDER BY number DESC LIMIT ?", (*events, limit)
            ).fetchall()
        return (json.loads(row["entry"]) for row in rows)

    def last_of_each(self, event: str, fact: str) -> list[tuple[str, str]]:
        """Each value that a fact of the event ever had, and when it last had it."""
        with self._lock:
            return self._db.execute(
                "SELECT entry ->> ? AS value, MAX(entry ->> 'at') FROM entries"
                " WHERE entry ->> 'event' = ? GROUP BY value",
                (fact, event),
            ).fetchall()

    def answers(self, subjects: list[str], now: float) -> list[sqlite3.Row]:
        """Those that still hold, oldest first."""
        marks = ", ".join("?" * len(subjects))
        with self._lock:
            return self._db.execute(
                f"SELECT * FROM answers WHERE subject IN ({marks})"  # noqa: S608
                " AND (until IS NULL OR until > ?) ORDER BY number",
                (*subjects, now),
            ).fetchall()

    def verify(self, known: Head | None = None) -> Head:
        """Follows the chain; raises AuditBroken with the first number that is wrong.

        `known` is what somebody else was told of it, such as the server.
        """
        before = Head(0, BEGINNING)
        for row in self.entries():
            now = Head(row["number"], _hash(before.sha256, row["entry"]))
            if now != Head(before.number + 1, row["sha256"]):
                raise AuditBroken(f"entry {before.number + 1} is not what was written")
            if known is not None and now.number == known.number and now != known:
                raise AuditBroken(f"entry {now.number} is not the one that was told")
            before = now
        if known is not None and known.number > before.number:
            raise AuditBroken(f"entries {before.number + 1} to {known.number} are gone")
        return before

    def _head(self) -> Head:
        row = self._db.execute(
            "SELECT number, sha256 FROM entries ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return Head(*row) if row else Head(0, BEGINNING)


def _hash(before: str, entry: str) -> str:
    return sha256(f"{before}\n{entry}".encode()).hexdigest()
