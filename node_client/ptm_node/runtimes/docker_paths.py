"""Whether a path means the same to the Docker engine as it does to this node.

The engine looks for what it is to mount on its own machine. A node in a container sees
that machine's files only where they were mounted for it, so they have to be mounted at
the same path.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Self

import docker
from docker.errors import NotFound

from ptm_node.errors import RunFailure
from ptm_node.messages import Code
from ptm_node.runtimes.base import Mount

log = logging.getLogger(__name__)

_MOUNTS = Path("/proc/self/mountinfo")
# Files that the engine makes for each container, by the container's number.
_OWN = re.compile(
    r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) /etc/\S+ "
)


class Paths:
    """Where each mount of this node's own container comes from, if it is in one."""

    def __init__(self, mounts: Mapping[str, str] | None) -> None:
        self._mounts = mounts

    @classmethod
    def as_seen_by(cls, client: docker.APIClient) -> Self:
        for container in own_containers():
            try:
                found = client.inspect_container(container)
            except NotFound:
                continue  # of another engine, in whose container this one runs as well
            return cls(
                {each["Destination"]: each["Source"] for each in found["Mounts"]}
            )
        return cls(None)

    @property
    def in_container(self) -> bool:
        """Whether this node runs in a container of the engine."""
        return self._mounts is not None

    def same(self, path: str) -> bool:
        """Whether the engine finds there what this node finds there."""
        if self._mounts is None:
            return True
        place = PurePosixPath(path)
        above = [each for each in self._mounts if place.is_relative_to(each)]
        nearest = max(above, key=len, default=None)
        return nearest is not None and self._mounts[nearest] == nearest

    def check(self, mounts: Iterable[Mount]) -> None:
        """Raises RunFailure: a container must not be given other data than is meant."""
        for mount in mounts:
            if not self.same(mount.source):
                log.error("Docker does not find %s where the node does", mount.source)
                detail = "a path of this site is another one for its container engine"
                raise RunFailure(Code.INTERNAL, detail)


def own_containers() -> set[str]:
    """The container in which this process runs, as its mounts tell; empty if none."""
    try:
        return set(_OWN.findall(_MOUNTS.read_text()))
    except OSError:  # /proc is covered
        return set()
