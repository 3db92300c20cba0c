"""What the site's people said of runs and results, and what it holds for.

A yes is about a subject: what exactly was shown to whoever gave it. The next question
about the same subject needs no new answer, and one about anything else does.
"""

import getpass
import json
import os
import time
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from ptm_node.audit import Audit, Fact
from ptm_node.journal import Output, Row
from ptm_node.messages import Assignment, Key
from ptm_node.rules import Terms, question_of


class Scope(StrEnum):
    """What a yes to a run covers besides the run itself."""

    RUN = "run"  # nothing
    TASK = "task"  # every run of the same task, and of its subtasks, by this image
    IMAGE = "image"  # runs of this version for the same function, data and partner


class Answer(NamedTuple):
    yes: bool
    name: str
    reason: str
    scope: Scope = Scope.RUN
    until: float | None = None


class Standing(NamedTuple):
    """Where a question stands: who said yes so far, or the reason of a no."""

    names: list[str]
    refusal: str | None = None


def subject_of_run(assignment: Assignment, scope: Scope) -> str:
    question = question_of(assignment)
    question = question._replace(databases=sorted(question.databases))
    queries = queries_of(assignment)
    match scope:
        case Scope.RUN:
            return _digest("run", assignment.run, *question, assignment.input_sha256)
        case Scope.TASK:
            tree = assignment.task.root or assignment.task.id
            return _digest("task", tree, question.image, *queries)
        case Scope.IMAGE:
            return _digest("image", *question._replace(user=None), *queries)


def subject_of_result(key: Key, output: Output) -> str:
    return _digest("result", *key, output.sha256)


def standing(audit: Audit, row: Row, terms: Terms) -> Standing:
    """Of the question that the row waits for, or would."""
    if row.output is not None:
        return _standing(audit, [subject_of_result(row.key, row.output)])
    scopes = [Scope.RUN, Scope.TASK]
    if terms.approval == "new-digest":
        scopes.append(Scope.IMAGE)
    subjects = [subject_of_run(row.assignment, scope) for scope in scopes]
    return _standing(audit, subjects)


def answer(audit: Audit, row: Row, given: Answer) -> None:
    """Keeps an answer to what the row waits for, and in the audit how it came."""
    if row.output is not None:
        subject = subject_of_result(row.key, row.output)
    else:
        subject = subject_of_run(row.assignment, given.scope)
    event = _EVENTS[row.output is not None, given.yes]
    facts = {**facts_of(row), **_facts_of(given), "login": _login()}
    with audit.recording(event, **facts) as (number, db):
        db.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (number, subject, given.yes, given.name, given.reason, given.until),
        )


def facts_of(row: Row) -> dict[str, Fact]:
    """What an entry of the audit says of a run."""
    assignment, output = row.assignment, row.output
    question = question_of(assignment)
    facts: dict[str, Fact] = {
        "run": row.key.run,
        "attempt": row.key.attempt,
        "task": assignment.task.id,
        **question._asdict(),
        "queries": queries_of(assignment),
        "input_sha256": assignment.input_sha256,
        "arguments": arguments_of(assignment),
    }
    if output is not None:
        facts |= {"result_sha256": output.sha256, "result_size": output.size}
    return facts


def queries_of(assignment: Assignment) -> list[str]:
    """What the researcher would ask of databases, other than the site itself does."""
    return sorted(
        f"{each.label}: {each.query}"
        for each in assignment.databases
        if each.query is not None
    )


def arguments_of(assignment: Assignment) -> str:
    """What the researcher sent, as text; too much or no text is only described."""
    sent = assignment.input
    try:
        if len(sent) <= _KEPT:
            return sent.decode()
    except UnicodeDecodeError:
        return f"({len(sent)} bytes that are no text)"
    return f"({len(sent)} bytes)"


_KEPT = 64 << 10
_EVENTS = {
    (False, True): "approval.given",
    (False, False): "approval.denied",
    (True, True): "release.given",
    (True, False): "release.denied",
}


def _facts_of(given: Answer) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"name": given.name, "reason": given.reason}
    if given.yes:
        facts |= {"scope": given.scope, "until": given.until}
    return facts


def _standing(audit: Audit, subjects: list[str]) -> Standing:
    names: dict[str, str] = {}
    for given in audit.answers(subjects, now=time.time()):
        if not given["yes"]:
            return Standing([], given["reason"])
        names.setdefault(given["name"].casefold(), given["name"])
    return Standing(list(names.values()))


def _digest(*parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _login() -> str:
    """The account of this machine that gave the command."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        return str(os.getuid())
