"""The contract between the node and whatever runs containers: six verbs.

    prepare → start → wait → remove, with stop for an early end, and recover for
    what an earlier life of the daemon left behind

A runtime belongs to one node identity. It sees and touches only containers that
carry this identity, and it makes a second container for the same attempt impossible.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key

_NOBODY = 65534
# The OCI runtime that is known to have a kernel of its own.
GVISOR = "runsc"


def sandbox_user() -> tuple[int, int]:
    """Uid and gid of every container: the node's own, but never root's."""
    if os.getuid() == 0:
        return _NOBODY, _NOBODY
    return os.getuid(), os.getgid()


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the site, seen in the container at `target`."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What one container may use; sizes are bytes."""

    cpus: float
    memory: int
    pids: int
    tmp: int
    file_size: int
    log: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """Sign-in to the registry of the image."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything about a container that differs from run to run.

    The rest is the sandbox, which the runtime applies to every container.
    """

    key: Key
    image: str
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    limits: Limits
    credentials: Credentials | None = None
    command: tuple[str, ...] = ()  # instead of the image's own


@dataclass(frozen=True, slots=True)
class Handle:
    """A container that exists. `id` is the runtime's own name for it."""

    key: Key
    id: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A container of an earlier life. `sources` are those of its mounts."""

    handle: Handle
    started: bool
    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended.

    `witnessed` is false if nobody watched at the time; then `code` may be what the
    runtime's own end left behind. `code` is None if the container has vanished.
    """

    code: int | None
    out_of_memory: bool = False
    witnessed: bool = True


class RuntimeUnavailable(RunFailure):
    """The runtime does not answer; another attempt may find it better."""

    def __init__(self) -> None:
        detail = "the container engine of this site does not answer"
        super().__init__(Code.RUNTIME_UNAVAILABLE, detail, retry=True)


class Runtime(Protocol):
    @property
    def ready(self) -> bool:
        """Whether the runtime answers."""

    @property
    def name(self) -> str:
        """What is announced, with its version once that is known."""

    def open(self, on_change: Callable[[], None]) -> None:
        """Begins to watch; calls `on_change` whenever `ready` turns."""

    def close(self) -> None:
        """Stops watching. Containers are left as they are."""

    def prepare(self, spec: ContainerSpec, before_pull: Callable[[], None]) -> Handle:
        """Creates the container, and pulls its image if that is absent.

        `before_pull` returns when a pull is allowed, or raises. Raises RunFailure.
        """

    def start(self, handle: Handle) -> None:
        """Starts what was prepared. Raises RunFailure."""

    def recover(self) -> list[Recovered]:
        """All containers of this node that exist. Raises RuntimeUnavailable."""

    def wait(self, handle: Handle, seconds: float) -> Exit | None:
        """Blocks until the container has ended; None if it has not by then.

        Goes on waiting while the runtime is away: the container may outlive that.
        """

    def stop(self, handle: Handle, grace: float) -> None:
        """Asks the container to end, and makes it end after `grace` seconds.

        It is no error if the container has ended, or if the runtime is away.
        """

    def remove(self, handle: Handle) -> bool:
        """Leaves nothing behind, running or not; whether that could be done.

        It is no error if there is nothing, or if the runtime is away.
        """

    def logs(self, handle: Handle) -> AbstractContextManager[Iterator[bytes]]:
        """What the container writes to stdout and stderr, until it ends."""
