"""Who started what, by the container engine's own word and nobody else's.

Follows each engine's event stream as it happens: an engine keeps only the last few
hundred events. One that is started again is followed again.
"""

import contextlib
import threading
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import docker
from docker.errors import DockerException
from docker.types import CancellableStream

AGAIN_SECONDS = 0.1
NODE, RUN, ATTEMPT = "ptm.node", "ptm.run", "ptm.attempt"


@dataclass
class Seen:
    """One container."""

    id: str
    attempt: int
    image: str
    starts: int = 0
    gone: bool = False

    @property
    def hostname(self) -> str:
        """By which a container knows itself."""
        return self.id[:12]


class Witness:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._nodes: set[str] = set()
        self._containers: dict[str, Seen] = {}
        self._by_run: dict[int, list[Seen]] = defaultdict(list)
        self._mounted: set[str] = set()
        self._closing = threading.Event()
        self._streams: dict[str, CancellableStream[Any]] = {}
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for stream in self._streams.values():
            with contextlib.suppress(OSError):  # it has ended by itself
                stream.close()
        for thread in self._threads:
            thread.join()

    def follow(self, address: str) -> None:
        """Look at everything that happens in one more engine from now on."""
        follow = (address, int(time.time()))
        thread = threading.Thread(target=self._follow, args=follow, daemon=True)
        self._threads.append(thread)
        thread.start()

    def watch(self, node: str) -> None:
        """Look at the containers of one more node, by the public part of its key."""
        self._nodes.add(node)

    def hear(self, run: int, seen: Seen) -> None:
        """Of a container that no engine knows, by the word of what stood for one."""
        with self._changed:
            self._by_run[run].append(seen)

    def of_run(self, run: int, seconds: float) -> list[Seen]:
        """The containers of a run, oldest first, when all of them are gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._all_gone(run), seconds)
            return list(self._by_run[run])

    def await_start(self, run: int, seconds: float) -> bool:
        """Whether a container of the run is started within the time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: any(seen.starts for seen in self._by_run[run]), seconds
            )

    def await_gone(self, run: int, seconds: float) -> bool:
        """Whether a container of the run was there, and none is within the time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(self._by_run[run]) and self._all_gone(run), seconds
            )

    @property
    def volumes(self) -> int:
        """How many of the containers had a volume mounted."""
        return len(self._mounted & self._containers.keys())

    def _all_gone(self, run: int) -> bool:
        return all(seen.gone for seen in self._by_run[run])

    def _follow(self, address: str, since: int) -> None:
        while not self._closing.wait(AGAIN_SECONDS):
            with contextlib.suppress(OSError, ValueError, DockerException):
                self._listen(address, since)
            # Another engine is there next, which tells all that it has seen itself.
            since = int(time.time())

    def _listen(self, address: str, since: int) -> None:
        with closing(docker.APIClient(base_url=address, timeout=600)) as client:
            stream = client.events(since=since, decode=True)
            self._streams[address] = stream
            for event in stream:
                with self._changed:
                    self._note(event)
                    self._changed.notify_all()

    def _note(self, event: dict[str, Any]) -> None:
        actor, action = event["Actor"], event["Action"]
        facts: dict[str, str] = actor["Attributes"]
        if event["Type"] == "volume" and action == "mount":
            self._mounted.add(facts.get("container", ""))
        if event["Type"] != "container":
            return
        if action == "create" and facts.get(NODE) in self._nodes:
            self._meet(actor["ID"], facts)
        seen = self._containers.get(actor["ID"])
        if seen is not None:
            seen.starts += action == "start"
            seen.gone |= action == "destroy"

    def _meet(self, container: str, facts: dict[str, str]) -> None:
        seen = Seen(container, int(facts[ATTEMPT]), facts["image"])
        self._containers[container] = seen
        self._by_run[int(facts[RUN])].append(seen)
