"""Keeps the connection to the Docker engine, and learns which containers end.

The end of a container comes from the engine's event stream. After each connection
the stream is opened first and the present state is read second, so that nothing can
happen unseen in between. It is read of each container by itself: in Docker 20.10, one
that has just ended is listed as running for a tenth of a second after its event.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.errors import DockerException, NotFound
from docker.types import CancellableStream
from docker.utils import kwargs_from_env

from ptm_node.clock import Backoff, Clock
from ptm_node.runtimes.base import RuntimeUnavailable
from ptm_node.runtimes.docker_paths import Paths
from ptm_node.runtimes.docker_streams import events

log = logging.getLogger(__name__)

LABEL = "ptm.node"
_API_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is None if the container has vanished."""

    code: int | None
    witnessed: bool


class Watch:
    """One thread that is connected to the engine, or trying to be."""

    def __init__(self, node: str, clock: Clock) -> None:
        self.filters = {"label": [f"{LABEL}={node}"]}
        self.version = ""
        self.paths = Paths(None)
        self._clock = clock
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._client: docker.APIClient | None = None
        self._outage_told = False
        self._stream: CancellableStream[dict[str, Any]] | None = None
        self._alive: set[str] = set()
        self._ended: dict[str, Ended] = {}
        self._out_of_memory: set[str] = set()
        self._on_change: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="docker", daemon=True)

    @property
    def ready(self) -> bool:
        return self._client is not None

    @property
    def client(self) -> docker.APIClient:
        client = self._client
        if client is None:
            raise RuntimeUnavailable
        return client

    def open(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        if self._stream is not None:
            with suppress(OSError):  # it has ended by itself
                self._stream.close()
        self._thread.join(timeout=2)

    def await_ready(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.ready, seconds)

    def created(self, container: str) -> None:
        with self._changed:
            self._alive.add(container)

    def forget(self, container: str) -> None:
        with self._changed:
            self._alive.discard(container)
            self._ended.pop(container, None)
            self._out_of_memory.discard(container)

    def await_end(self, container: str, seconds: float) -> Ended | None:
        """Blocks until the container has ended; None if it has not by then."""

        def known() -> bool:
            lost = self.ready and container not in self._alive
            return lost or container in self._ended

        with self._changed:
            closed = self._closing.is_set
            self._changed.wait_for(lambda: known() or closed(), seconds)
            if closed() or not known():
                return None
            return self._ended.get(container, Ended(None, witnessed=False))

    def await_out_of_memory(self, container: str, seconds: float) -> bool:
        """Whether the engine says so of one that was killed, by then.

        It is an event of its own, which can come after that of the end.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: container in self._out_of_memory, seconds
            )

    def _run(self) -> None:
        backoff = Backoff(self._clock)
        while not self._closing.is_set():
            try:
                self._follow(backoff)
            except (DockerException, requests.RequestException, OSError) as error:
                log.debug("docker: %s", error)
            except Exception:
                log.exception("docker: unexpected; connecting again")
            self._disconnected()
            self._clock.wait(self._closing, backoff.delay())

    def _follow(self, backoff: Backoff) -> None:
        client = connect()
        with (
            closing(client),
            events(client, {**self.filters, "event": ["die", "oom"]}) as self._stream,
        ):
            self._settle(client)
            backoff.reset()
            for event in self._stream:
                self._heard(event)

    def _settle(self, client: docker.APIClient) -> None:
        """Brings what is known up to the present state."""
        version = client.version()["Version"]
        self.paths = Paths.as_seen_by(client)
        listed = client.containers(all=True, filters=self.filters)
        found = {each["Id"] for each in listed}
        with self._changed:
            unknown = (found | self._alive) - self._ended.keys()
        ended = {each: _look(client, each) for each in unknown}
        with self._changed:
            self._ended.update({k: v for k, v in ended.items() if v is not None})
            self._alive = (self._alive | found) - self._ended.keys()
            self._client, self.version = client, version
            self._outage_told = False
            self._changed.notify_all()
        log.info("connected to Docker %s", version)
        self._on_change()

    def _heard(self, event: dict[str, Any]) -> None:
        container = str(event["Actor"]["ID"])
        with self._changed:
            if event["Action"] == "oom":
                self._out_of_memory.add(container)
            else:
                code = int(event["Actor"]["Attributes"]["exitCode"])
                self._alive.discard(container)
                self._ended[container] = Ended(code, witnessed=True)
            self._changed.notify_all()

    def _disconnected(self) -> None:
        with self._changed:
            self._client = None
        # Once an outage, which may have begun before this daemon did.
        if not self._outage_told and not self._closing.is_set():
            self._outage_told = True
            log.warning("Docker does not answer; no new runs until it does")
            self._on_change()


def connect() -> docker.APIClient:
    """The engine that the environment names, or this machine's."""
    return docker.APIClient(version="auto", timeout=_API_SECONDS, **kwargs_from_env())


def _look(client: docker.APIClient, container: str) -> Ended | None:
    """The end of a container that nobody saw; None if it is alive."""
    try:
        state = client.inspect_container(container)["State"]
    except NotFound:
        return Ended(None, witnessed=False)
    if state["Status"] in ("exited", "dead"):
        return Ended(state["ExitCode"], witnessed=False)
    return None
