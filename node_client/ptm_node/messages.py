"""The shapes of what node and server say to each other (docs/node-protocol.md).

Answers may grow fields that this version does not know; they are ignored.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

from msgspec import Struct


class Key(NamedTuple):
    """One attempt of one run: what every later word to the server is about."""

    run: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.run}-{self.attempt}"


class Status(StrEnum):
    """The states that a node reports. `completed` is never reported, but earned."""

    AWAITING_APPROVAL = "awaiting_approval"
    PREPARING = "preparing"
    RUNNING = "running"
    AWAITING_RELEASE = "awaiting_release"
    FAILED = "failed"
    REJECTED = "rejected"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"
    QUEUED = "queued"


class Code(StrEnum):
    """Why an attempt ended without a result: whose fault it is, and what to do."""

    POLICY_REFUSED = "policy_refused"
    APPROVAL_DENIED = "approval_denied"
    IMAGE_NOT_FOUND = "image_not_found"
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
    NODE_STOPPING = "node_stopping"
    INTERNAL = "internal"


class Held(Struct, frozen=True):
    run: int
    attempt: int


class Holdings(Struct, frozen=True):
    """One reading of the journal."""

    last_claim: int
    held: list[Held]
    stopping: list[int]


class Head(Struct, frozen=True):
    """The newest entry of the site's audit: its number, from 1, and its hash."""

    number: int
    sha256: str


class Heartbeat(Struct, frozen=True):
    last_claim: int
    held: list[Held]
    stopping: list[int]
    audit: Head


class StopOrder(Struct, frozen=True):
    run: int
    attempt: int
    reason: str

    @property
    def key(self) -> Key:
        return Key(self.run, self.attempt)


class Named(Struct, frozen=True):
    id: int
    name: str


class Initiator(Struct, frozen=True):
    id: int
    username: str


class Task(Struct, frozen=True):
    """`root` is the task whose central run sent this one, or that one's, and so on."""

    id: int
    name: str
    collaboration: Named
    organization: Named
    initiator: Initiator | None = None
    purpose: str | None = None
    root: int | None = None


class Label(Struct, frozen=True):
    """A database of the task; with a query, what the researcher would ask of it."""

    label: str
    query: str | None = None


class Assignment(Struct, frozen=True):
    """A claimed run. `input` travels as base64."""

    run: int
    attempt: int
    task: Task
    image: str
    contract: str
    function: str
    function_type: str
    databases: list[Label]
    input: bytes
    input_sha256: str
    deadline_at: str | None = None

    @property
    def key(self) -> Key:
        return Key(self.run, self.attempt)


ColumnType = Literal["integer", "number", "boolean", "date", "datetime", "text"]


class Column(Struct, frozen=True):
    name: str
    type: ColumnType


class OfferedDatabase(Struct, frozen=True):
    """`columns` are null where the site does not share them or they are unknown."""

    label: str
    type: str
    columns: list[Column] | None = None


class Offer(Struct, frozen=True):
    """What the node does for one collaboration."""

    id: int
    databases: list[OfferedDatabase]


class SharedRule(Struct, frozen=True):
    """A rule of the site, as far as it decides whether a task runs."""

    action: str
    name: str
    approval: str | None
    collaborations: list[int] | None
    databases: list[str] | None
    images: list[str] | None
    functions: list[str] | None
    organizations: list[int] | None
    users: list[str] | None
    direct: bool


class SharedPolicy(Struct, frozen=True):
    images: list[str]
    approval: str
    rules: list[SharedRule]


class Announcement(Struct, frozen=True):
    collaborations: list[Offer]
    contracts: list[str]
    runtime: str
    concurrent_runs: int
    policy: SharedPolicy | None = None


class Hello(Struct, frozen=True):
    instance: str
    boot: int
    version: str
    last_claim: int
    held: list[Held]
    announce: Announcement


class Welcome(Struct, frozen=True):
    node: int
    organization: Named
    last_claim: int = 0
    stop: list[StopOrder] = []
    work: bool = False
    heartbeat_seconds: float = 20.0
    server_version: str = ""
    collaborations: list[Named] = []


class Claim(Struct, frozen=True):
    claim: int
    capacity: int
    held: list[Held]
    stopping: list[int]
    # Images that are on their way: no more runs of these are wanted now.
    pulling: list[str]


class Claimed(Struct, frozen=True):
    claim: int
    runs: list[Assignment] = []
    stop: list[StopOrder] = []


class Beat(Struct, frozen=True):
    work: bool = False
    stop: list[StopOrder] = []


class Report(Struct, frozen=True, omit_defaults=True):
    attempt: int
    status: Status
    code: Code | None = None
    detail: str = ""
    retry: bool | None = None


class Confirmation(Struct, frozen=True):
    """The answer to a report; `stop` says that a cancel waits."""

    status: str
    stop: bool = False


class Enrolment(Struct, frozen=True):
    code: str
    name: str
    key_prefix: str
    key_sha256: str


class Enrolled(Struct, frozen=True):
    node: int
    name: str
    organization: Named


class Myself(Struct, frozen=True):
    """Who the server takes this node for, and its newest start."""

    node: int
    name: str
    organization: Named
    boot: int


class Problem(Struct, frozen=True):
    """problem+json, as far as a node reads it."""

    code: str = ""
    detail: str = ""
    last_claim: int = 0
