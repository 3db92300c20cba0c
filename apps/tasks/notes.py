"""Why a run stands where it stands, and what one can do, in the reader's words."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from apps.nodes.models import Node
from apps.tasks.authoring import suits
from apps.tasks.choices import MAX_RETRIES, TERMINAL, FailureCode, RunStatus
from apps.tasks.columns import has_columns
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.sites import Announced

S, F = RunStatus, FailureCode


class Hint(NamedTuple):
    """What a failure's code says to a reader, and what can be done about it."""

    reason: str
    advice: str


HINTS: dict[FailureCode, Hint] = {
    F.POLICY_REFUSED: Hint(
        "Refused by the site's rules",
        "ask its data steward whether this image and function may run there",
    ),
    F.APPROVAL_DENIED: Hint(
        "The site did not approve the run", "ask its data steward for the reason"
    ),
    F.IMAGE_NOT_FOUND: Hint(
        "The registry does not have this image",
        "ask the algorithm's author whether it was removed",
    ),
    F.SIGNATURE_INVALID: Hint(
        "The site could not verify the signature",
        "send the task anew, with an image that the site trusts",
    ),
    F.REGISTRY_UNREACHABLE: Hint(
        "The site could not fetch the image from the registry",
        "run it again later, or ask the site whether it may use this registry",
    ),
    F.RUNTIME_UNAVAILABLE: Hint(
        "The site's container engine does not work",
        "the site has to mend it; run it again afterwards",
    ),
    F.DATABASE_UNKNOWN: Hint(
        "The site does not have this database",
        "ask its data steward under which label the data is released",
    ),
    F.OUT_OF_MEMORY: Hint(
        "Out of memory", "ask the site for a higher limit or send fewer columns"
    ),
    F.TIMED_OUT: Hint(
        "Stopped at the site's time limit",
        "ask the site for a longer one or send less to compute",
    ),
    F.EXIT_NONZERO: Hint(
        "The algorithm ended with an error", "its log may say why; check the arguments"
    ),
    F.OUTPUT_MISSING: Hint(
        "The algorithm ended without a result",
        "its log may say why; tell the algorithm's author",
    ),
    F.OUTPUT_TOO_LARGE: Hint(
        "The result is larger than the site lets out",
        "ask for less, or ask the site for a higher limit",
    ),
    F.OUTPUT_INVALID: Hint(
        "The result could not be read at the site", "tell the algorithm's author"
    ),
    F.DISK_FULL: Hint(
        "The site's disk is full", "the site has to make room; run it again afterwards"
    ),
    F.DECRYPTION_FAILED: Hint(
        "The site could not decrypt the input", "send the task anew"
    ),
    F.VERSION_WITHDRAWN: Hint(
        "This version of the algorithm was withdrawn",
        "send the task with a newer version",
    ),
    F.NODE_STOPPING: Hint(
        "The node was stopped before the run began",
        "run it again when the site is back",
    ),
    F.INTERNAL: Hint(
        "The node met an error",
        "run it again; if it fails again, tell the site",
    ),
}

CANCELLED_BECAUSE = {"participation_ended": "The site left the collaboration"}
GONE_BACK_BECAUSE = {
    "missing_at_node": "The node no longer had it",
    "node_revoked": "Its node was shut out",
    "node_given_up": "Its node was not waited for any longer",
}


class Note(NamedTuple):
    """A sentence that may have a time in it; the page shows it in the reader's zone."""

    text: str
    at: datetime | None = None
    rest: str = ""


def notes_on(
    run: Run, events: Sequence[RunEvent], nodes: Sequence[Node]
) -> Sequence[Note]:
    """Return what is to be said; `nodes` are those of the run's organization."""
    last = max(events, key=lambda event: event.pk, default=None)
    reason = last.reason if last else ""
    if run.status in TERMINAL:
        return _ended(run, reason)
    if run.status == S.QUEUED:
        return _queued(run, reason, nodes)
    return _held(run)


def _ended(run: Run, reason: str) -> Sequence[Note]:
    if run.status == S.CANCELLED:
        why = CANCELLED_BECAUSE.get(reason, "Cancelled on request")
        return [Note(f"{why}; there is no result.")]
    if run.status == S.EXPIRED:
        return [Note("Ended at the task's deadline; run it again for more time.")]
    if run.status == S.COMPLETED:
        return []
    if run.status == S.WITHHELD:
        why = run.detail or "Not released by the site"
        return [Note(f"Computed. {why[:1].upper()}{why[1:]}; ask its data steward.")]
    if run.code:
        return [Note(_blamed(run, HINTS[F(run.code)]))]
    return [Note("The site gave no reason; ask its data steward.")]


def _blamed(run: Run, hint: Hint) -> str:
    said = run.detail[:1].upper() + run.detail[1:] or hint.reason
    if run.status == S.REJECTED and run.detail:
        said = f"Refused by the site: {run.detail}"
    if run.code == F.EXIT_NONZERO and run.detail:
        said = f"{hint.reason} ({run.detail})"
    tries = f" (tried {run.retries + 1} times)" if run.retries else ""
    return f"{said.rstrip('.')}{tries}; {hint.advice}."


def reason_of(run: Run) -> str:
    """Whose fault a run's end is, in words; empty where there is none."""
    return HINTS[F(run.code)].reason if run.code else ""


def _queued(run: Run, reason: str, nodes: Sequence[Node]) -> Sequence[Note]:
    if run.not_before and run.not_before > timezone.now():
        tries = f" (try {run.retries + 1} of {MAX_RETRIES + 1})."
        return [Note(f"{_gone_back(reason)}; tries again at", run.not_before, tries)]
    waits = waits_for(run, nodes)
    if run.attempt:
        return [Note(f"{_gone_back(reason)}, so it is queued again."), waits]
    return [waits]


def _gone_back(reason: str) -> str:
    if reason in HINTS:
        return HINTS[F(reason)].reason
    return GONE_BACK_BECAUSE.get(reason, "The last attempt was given back")


def waits_for(run: Run, nodes: Sequence[Node]) -> Note:
    """What stands between a queued run and its start, at the nodes of its site."""
    site, task = run.organization.name, run.task
    if not nodes:
        return Note(f"{site} has no node yet; an admin of it can enrol one.")
    online = [node for node in nodes if node.is_online]
    if not online:
        seen = max(
            (node.last_seen_at for node in nodes if node.last_seen_at), default=None
        )
        if seen is None:
            return Note(f"Waits for a node of {site}; none has connected yet.")
        return Note(f"Waits for a node of {site}; the last one was seen", seen, ".")
    offers = list(_offers(online, task))
    if not offers:
        return Note(f"The node of {site} does not serve this collaboration.")
    function = task.version.function(task.function)
    if function and not any(suits(o, function, task.databases) for o in offers):
        return Note(f"No node online at {site} releases the databases of this task.")
    if task.columns and not any(has_columns(a, task) for a in _announced(online, task)):
        return Note(f"No node online at {site} has all columns of this task.")
    return Note(f"Waits for a free place at {site}.")


def _offers(nodes: Sequence[Node], task: Task) -> Iterator[dict[str, str]]:
    """What each node releases to the task's collaboration: label to type."""
    for node in nodes:
        for enrolment in node.enrolments.all():
            if enrolment.collaboration_id == task.collaboration_id:
                yield {db.label: db.type for db in enrolment.databases.all()}


def _announced(nodes: Sequence[Node], task: Task) -> Iterator[Announced]:
    for node in nodes:
        for enrolment in node.enrolments.all():
            if enrolment.collaboration_id == task.collaboration_id:
                yield {db.label: db.columns for db in enrolment.databases.all()}


def _held(run: Run) -> Sequence[Note]:
    notes = []
    site = run.organization.name
    offline = run.node is not None and not run.node.is_online
    if run.cancel_requested_at:
        then = "the site is offline" if offline else "the site confirms when it ended"
        notes.append(Note("Cancel sent", run.cancel_requested_at, f"; {then}."))
    elif run.status == S.AWAITING_APPROVAL:
        notes.append(
            Note(f"Waiting for {site}'s approval since", run.status_since, ".")
        )
    elif run.status == S.AWAITING_RELEASE:
        notes.append(
            Note(
                f"Computed; waiting for {site} to release it since",
                run.status_since,
                ".",
            )
        )
    if offline and run.node is not None:
        then = "; the run goes on there and reports when it is back."
        notes.append(Note("Node offline since", run.node.last_seen_at, then))
    return notes
