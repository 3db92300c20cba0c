"""What waits for a steward, put so that a person can judge it."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from ptm_node import decisions
from ptm_node.audit import Audit, Fact
from ptm_node.images import parse_image
from ptm_node.journal import Journal, Output, Phase, Row
from ptm_node.messages import Assignment
from ptm_node.rules import decide, question_of
from ptm_node.sections import Config, Direct
from ptm_node.status import moment
from ptm_node.terminal import printable

_SHOWN = 16 << 10


class Case(TypedDict):
    """A question to a steward. Arguments are text as the researcher sent them."""

    run: int
    waits_for: str
    since: str | None
    task: str
    purpose: str
    user: str | None
    organization: str
    collaboration: str
    image: str
    function: str
    databases: list[str]
    relays: list[str]
    queries: list[str]
    arguments: str
    why: str
    approvers: int
    said_yes: list[str]
    changes: list[str]
    result: Output | None


def waiting(journal: Journal, phase: Phase) -> list[Row]:
    return [r for r in journal.rows() if r.phase is phase and r.stop is None]


def case_of(row: Row, config: Config, audit: Audit) -> Case:
    assignment, task = row.assignment, row.assignment.task
    verdict = decide(config, question_of(assignment))
    return Case(
        run=row.key.run,
        waits_for="release" if row.phase is Phase.AWAITING_RELEASE else "approval",
        since=moment(row.waiting_since),
        task=task.name,
        purpose=task.purpose or "",
        user=task.initiator.username if task.initiator else None,
        organization=task.organization.name,
        collaboration=task.collaboration.name,
        image=assignment.image,
        function=assignment.function,
        databases=[each.label for each in assignment.databases],
        relays=_relays(assignment, config),
        queries=decisions.queries_of(assignment),
        arguments=decisions.arguments_of(assignment),
        why=verdict.reason,
        approvers=verdict.terms.approvers,
        said_yes=decisions.standing(audit, row, verdict.terms).names,
        changes=_changes(row, audit),
        result=row.output,
    )


def in_a_line(case: Case) -> str:
    what = "run" if case["waits_for"] == "approval" else "result of run"
    return printable(
        f"{what} {case['run']}, since {case['since']}: {case['function']} of"
        f" {case['image'].partition('@')[0]}, by {_who(case)}, task {case['task']!r}"
    )


def in_full(case: Case) -> str:
    """Everything, in plain text: nothing in it can steer a terminal."""
    said = ", ".join(case["said_yes"]) or "nobody yet"
    lines = [
        f"run            {case['run']}, waits for its {case['waits_for']}"
        f" since {case['since']}",
        f"asked by       {_who(case)}",
        f"collaboration  {case['collaboration']}",
        f"task           {case['task']}",
        f"purpose        {case['purpose'] or 'none given'}",
        f"image          {case['image']}",
        f"function       {case['function']}",
        f"databases      {', '.join(case['databases']) or 'none'}",
        *(f"relay          {relay}" for relay in case["relays"]),
        *(f"own query      {query}" for query in case["queries"]),
        f"by             {case['why']}",
        f"said yes       {said} ({len(case['said_yes'])} of {case['approvers']})",
    ]
    if result := case["result"]:
        lines.append(f"result         {result.size} bytes, {result.media_type}")
        lines.append(f"               sha256 {result.sha256}")
    lines += ["arguments", *_indented(_pretty(case["arguments"]))]
    if case["changes"]:
        lines += ["since the last approval of this image", *_indented(case["changes"])]
    return "\n".join(map(printable, lines))


def preview(spool: Path, row: Row) -> str:
    """The beginning of a result, as text."""
    with (spool / str(row.key)).open("rb") as file:
        start = file.read(_SHOWN)
    lines = _indented(_pretty(start.decode(errors="replace")))
    if row.output is not None and row.output.size > len(start):
        lines.append("  … (--save FILE writes all of it)")
    return "\n".join(map(printable, lines))


def _relays(assignment: Assignment, config: Config) -> list[str]:
    """The servers that the container would speak to itself."""
    own = config.released(assignment.task.collaboration.id)
    named = ((each.label, own.get(each.label, "")) for each in assignment.databases)
    return [
        f"{name}, to {database.host} port {database.port}"
        for name, label in named
        if isinstance(database := config.databases.get(label), Direct)
    ]


def _who(case: Case) -> str:
    return f"{case['user'] or 'nobody known'} of {case['organization']}"


def _changes(row: Row, audit: Audit) -> list[str]:
    """What is other than when this image, in any version, was last approved."""
    if row.phase is Phase.AWAITING_RELEASE:
        return []
    now = decisions.facts_of(row)
    image = _repository(now["image"])
    for before in audit.newest("approval.given"):
        if _repository(before["image"]) == image:
            return [
                f"approved by {before['name']}, {before['at']}",
                *_other(before, now),
            ]
    return ["it was never approved here"]


def _repository(image: Fact) -> str:
    parsed = parse_image(str(image))
    return parsed.repository if parsed else ""


_COMPARED = {
    "image": "version",
    "function": "function",
    "databases": "databases",
    "queries": "own queries",
    "collaboration": "collaboration",
    "organization": "organization",
    "user": "user",
}


def _other(before: dict[str, Fact], now: dict[str, Fact]) -> Iterator[str]:
    for name, word in _COMPARED.items():
        if before.get(name) != now[name]:
            yield f"{word}: {before.get(name)} → {now[name]}"
    old, new = (_pretty(str(each.get("arguments", ""))) for each in (before, now))
    for line in difflib.unified_diff(old, new, "arguments", "arguments", lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def _pretty(arguments: str) -> list[str]:
    try:
        text = json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = arguments
    more = len(text) - _SHOWN
    lines = text[:_SHOWN].splitlines()
    return [*lines, f"… and {more} characters more"] if more > 0 else lines


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]
