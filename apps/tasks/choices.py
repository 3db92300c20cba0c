"""The one place where states live: labels, looks, and every allowed move."""

from dataclasses import dataclass

from django.db import models


class TaskStatus(models.TextChoices):
    OPEN = "open"
    FINISHED = "finished"


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    CLAIMED = "claimed"
    AWAITING_APPROVAL = "awaiting_approval"
    PREPARING = "preparing"
    RUNNING = "running"
    AWAITING_RELEASE = "awaiting_release"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = RunStatus
TERMINAL = frozenset(
    {S.COMPLETED, S.FAILED, S.REJECTED, S.WITHHELD, S.CANCELLED, S.EXPIRED}
)
HELD = frozenset(
    {S.CLAIMED, S.AWAITING_APPROVAL, S.PREPARING, S.RUNNING, S.AWAITING_RELEASE}
)
ACTIVE = HELD | {S.QUEUED}

# How far a run is. A report of an earlier state of the same attempt changes nothing.
PROGRESS = (
    S.QUEUED,
    S.CLAIMED,
    S.AWAITING_APPROVAL,
    S.PREPARING,
    S.RUNNING,
    S.AWAITING_RELEASE,
)

# new state: the states it may follow.
TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    S.CLAIMED: frozenset({S.QUEUED}),
    S.AWAITING_APPROVAL: frozenset({S.CLAIMED}),
    S.PREPARING: frozenset({S.CLAIMED, S.AWAITING_APPROVAL}),
    S.RUNNING: frozenset({S.CLAIMED, S.AWAITING_APPROVAL, S.PREPARING}),
    S.AWAITING_RELEASE: frozenset(
        {S.CLAIMED, S.AWAITING_APPROVAL, S.PREPARING, S.RUNNING}
    ),
    # The upload is the proof of the work: reports before it may have been lost.
    S.COMPLETED: HELD,
    S.FAILED: HELD,
    # A node that was restarted with other rules may say no to what it had begun.
    S.REJECTED: frozenset({S.CLAIMED, S.AWAITING_APPROVAL, S.PREPARING}),
    S.WITHHELD: frozenset({S.PREPARING, S.RUNNING, S.AWAITING_RELEASE}),
    S.CANCELLED: ACTIVE,
    S.EXPIRED: ACTIVE,
    # Given back: the node no longer has it, or its infrastructure failed.
    S.QUEUED: HELD,
}

# What a node may report; completed comes from an acknowledged upload only.
REPORTABLE = (
    S.PREPARING,
    S.RUNNING,
    S.AWAITING_APPROVAL,
    S.AWAITING_RELEASE,
    S.FAILED,
    S.REJECTED,
    S.WITHHELD,
    S.CANCELLED,
    S.QUEUED,
)


class FailureCode(models.TextChoices):
    """Whose fault it is and what can be done about it."""

    POLICY_REFUSED = "policy_refused"
    APPROVAL_DENIED = "approval_denied"
    IMAGE_NOT_FOUND = "image_not_found"
    SIGNATURE_INVALID = "signature_invalid"
    REGISTRY_UNREACHABLE = "registry_unreachable"
    RUNTIME_UNAVAILABLE = "runtime_unavailable"
    DATABASE_UNKNOWN = "database_unknown"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    EXIT_NONZERO = "exit_nonzero"
    OUTPUT_MISSING = "output_missing"
    OUTPUT_TOO_LARGE = "output_too_large"
    OUTPUT_INVALID = "output_invalid"
    DISK_FULL = "disk_full"
    DECRYPTION_FAILED = "decryption_failed"
    VERSION_WITHDRAWN = "version_withdrawn"
    NODE_STOPPING = "node_stopping"
    INTERNAL = "internal"


F = FailureCode
# Infrastructure faults: the same run is tried again, MAX_RETRIES times at most.
RETRIED = frozenset(
    {F.REGISTRY_UNREACHABLE, F.RUNTIME_UNAVAILABLE, F.DISK_FULL, F.INTERNAL}
)
MAX_RETRIES = 2
RETRY_SECONDS = (10, 60)

# Given back for another node (or a later start of the same one): not a failure.
GIVEN_BACK = frozenset({F.DATABASE_UNKNOWN, F.NODE_STOPPING})


@dataclass(frozen=True)
class Look:
    """How a state is shown, everywhere the same: badge colour and icon."""

    colour: str
    icon: str


LOOKS: dict[RunStatus, Look] = {
    S.QUEUED: Look("grey", "clock"),
    S.CLAIMED: Look("blue-grey", "download"),
    S.PREPARING: Look("blue-grey", "package"),
    S.RUNNING: Look("blue", "player-play"),
    S.AWAITING_APPROVAL: Look("amber", "user-question"),
    S.AWAITING_RELEASE: Look("amber", "eye-check"),
    S.COMPLETED: Look("green", "check"),
    S.FAILED: Look("red", "alert-triangle"),
    S.REJECTED: Look("violet", "hand-stop"),
    S.WITHHELD: Look("violet", "eye-off"),
    S.CANCELLED: Look("grey-outline", "x"),
    S.EXPIRED: Look("grey-outline", "hourglass-off"),
}
