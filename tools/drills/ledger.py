"""What the server has stored, read from its tables and folders without its code."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from ptm_node.messages import Head

ENDS = frozenset(
    {"completed", "failed", "rejected", "withheld", "cancelled", "expired"}
)
RUNS = """
SELECT run.id, run.task_id, run.organization_id, run.status, run.code, run.attempt
FROM tasks_run run WHERE run.task_id = ANY(%s) AND run.is_current ORDER BY run.id
"""
SITES = """
SELECT run.task_id, run.organization_id, count(*) AS current
FROM tasks_run run WHERE run.task_id = ANY(%s) AND run.is_current
GROUP BY run.task_id, run.organization_id
"""
ENDINGS = "SELECT new FROM tasks_runevent WHERE run_id = %s AND new = ANY(%s)"
RESULTS = "SELECT file, sha256, size FROM results_result WHERE run_id = %s"
STORED = """
SELECT details FROM audit_event
WHERE action = 'result.stored' AND object_type = 'run' AND object_id = %s
"""
FILES = "SELECT file FROM results_result"
HEARD = "SELECT count(*) AS nodes FROM nodes_node WHERE last_seen_at > to_timestamp(%s)"
HEADS = "SELECT audit_heads FROM nodes_node WHERE key_prefix = %s"
LINE_BYTES = 1024


@dataclass(frozen=True)
class Kept:
    """A result: what the row says, and what is really there."""

    sha256: str
    file: Path

    @property
    def real_sha256(self) -> str:
        """Empty if there are no bytes."""
        if not self.file.is_file():
            return ""
        with self.file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    @property
    def maker(self) -> str:
        """The container that says it made these bytes; empty if any is wrong."""
        if not self.file.is_file():
            return ""
        with self.file.open("rb") as content:
            words = content.readline(LINE_BYTES).decode("ascii", "replace").split()
            filling = hashlib.file_digest(content, "sha256").hexdigest()
        return words[0] if words[2:] == [filling] else ""


@dataclass
class Ledger:
    url: str
    folder: Path = field(repr=False)

    def runs(self, tasks: list[int]) -> list[dict[str, Any]]:
        return self._rows(RUNS, tasks)

    def doubled(self, tasks: list[int]) -> list[str]:
        """Sites that have not exactly one current run of a task."""
        return [
            f"task {row['task_id']} has {row['current']} current runs at one site"
            for row in self._rows(SITES, tasks)
            if row["current"] != 1
        ]

    def endings(self, run: int) -> list[str]:
        """The ends that its history knows."""
        return [row["new"] for row in self._rows(ENDINGS, run, list(ENDS))]

    def results(self, run: int) -> list[Kept]:
        return [
            Kept(row["sha256"], self.folder / "results" / row["file"])
            for row in self._rows(RESULTS, run)
        ]

    def stored(self, run: int) -> list[str]:
        """The sums of the results that the server's audit says were stored."""
        return [row["details"]["sha256"] for row in self._rows(STORED, run)]

    def left(self) -> list[str]:
        """Files of uploads, and of results, that no row knows."""
        known = {row["file"] for row in self._rows(FILES)}
        results = self.folder / "results"
        found = [path for path in results.rglob("*") if path.is_file()]
        orphans = [p for p in found if str(p.relative_to(results)) not in known]
        uploads = [path for path in (self.folder / "uploads").glob("*")]
        return [
            f"server: {path.relative_to(self.folder)}" for path in [*orphans, *uploads]
        ]

    def heard_since(self, moment: float) -> int:
        """How many nodes have been heard after the moment, in seconds since 1970."""
        [row] = self._rows(HEARD, moment)
        nodes: int = row["nodes"]
        return nodes

    def told_heads(self, prefix: str) -> list[Head]:
        """What a node has told the server of its site's audit, oldest first."""
        [row] = self._rows(HEADS, prefix)
        return [Head(*head) for head in row["audit_heads"]]

    def _rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        # Each time anew: the recipes break every connection that stands.
        with psycopg.connect(self.url, row_factory=dict_row) as link:
            return link.execute(query, values).fetchall()
