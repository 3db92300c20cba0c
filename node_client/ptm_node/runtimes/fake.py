"""A container engine in memory, for tests: containers are threads that run Python.

It keeps the same contract as Docker (tests/node/test_runtime_contract.py), so what is
tried out here holds there. The engine outlives its runtimes, as Docker outlives the
daemon.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.runtimes.base import (
    ContainerSpec,
    Exit,
    Handle,
    Recovered,
    RuntimeUnavailable,
)

KILLED = 137


@dataclass(eq=False)
class Inside:
    """What a program sees of its container."""

    spec: ContainerSpec
    asked_to_end: threading.Event = field(default_factory=threading.Event)
    written: list[bytes] = field(default_factory=list)

    def file(self, target: str) -> Path:
        return next(Path(m.source) for m in self.spec.mounts if m.target == target)

    def log(self, text: str) -> None:
        self.written.append(text.encode())


Program = Callable[[Inside], Exit | int]


@dataclass(eq=False)
class _Container:
    node: str
    inside: Inside
    started: bool = False
    exit: Exit | None = None

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(mount.source for mount in self.inside.spec.mounts)


class FakeEngine:
    """Images are programs; `pullable` ones become present when they are pulled."""

    def __init__(self) -> None:
        self.present: dict[str, Program] = {}
        self.pullable: dict[str, Program] = {}
        self.registry_answers = threading.Event()
        self.registry_answers.set()
        self.pulls: list[str] = []
        self.starts: list[Key] = []
        self.changed = threading.Condition()
        self.up = True
        self.containers: dict[str, _Container] = {}
        self.numbers = itertools.count(1)

    def switch(self, *, up: bool) -> None:
        """The engine goes away, or comes back. Containers live on meanwhile."""
        with self.changed:
            self.up = up
            self.changed.notify_all()

    def kill(self, key: Key) -> None:
        """Ends a container from outside."""
        with self.changed:
            for container in self.containers.values():
                if container.inside.spec.key == key:
                    self.end(container, Exit(KILLED))

    def end(self, container: _Container, ending: Exit) -> None:
        container.exit = container.exit or ending
        container.inside.asked_to_end.set()
        self.changed.notify_all()

    def run(self, container: _Container) -> None:
        program = self.present[container.inside.spec.image]
        ending = program(container.inside)
        with self.changed:
            self.end(container, Exit(ending) if isinstance(ending, int) else ending)


class FakeRuntime:
    def __init__(self, engine: FakeEngine, node: str) -> None:
        self._engine = engine
        self._node = node
        self._closed = False
        self._on_change: Callable[[], None] = lambda: None
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def ready(self) -> bool:
        return self._engine.up

    @property
    def name(self) -> str:
        return "fake"

    def open(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._watcher.start()

    def close(self) -> None:
        with self._engine.changed:
            self._closed = True
            self._engine.changed.notify_all()

    def prepare(self, spec: ContainerSpec, before_pull: Callable[[], None]) -> Handle:
        engine = self._engine
        self._require_engine()
        if spec.image not in engine.present:
            before_pull()
            engine.pulls.append(spec.image)
            if spec.image not in engine.pullable:
                detail = "the registry does not have this image"
                raise RunFailure(Code.IMAGE_NOT_FOUND, detail)
            engine.registry_answers.wait()
            engine.present[spec.image] = engine.pullable[spec.image]
        with engine.changed:
            if any(each.inside.spec.key == spec.key for each in self._own().values()):
                detail = "the container engine could not create the container"
                raise RunFailure(Code.INTERNAL, detail)
            handle = Handle(spec.key, str(next(engine.numbers)))
            engine.containers[handle.id] = _Container(self._node, Inside(spec))
        return handle

    def start(self, handle: Handle) -> None:
        self._require_engine()
        with self._engine.changed:
            container = self._engine.containers[handle.id]
            container.started = True
            self._engine.starts.append(handle.key)
        threading.Thread(
            target=self._engine.run, args=(container,), daemon=True
        ).start()

    def recover(self) -> list[Recovered]:
        self._require_engine()
        with self._engine.changed:
            return [
                Recovered(
                    Handle(each.inside.spec.key, number), each.started, each.sources
                )
                for number, each in self._own().items()
            ]

    def wait(self, handle: Handle, seconds: float) -> Exit | None:
        def ended() -> bool:
            if self._closed:
                return True
            container = self._engine.containers.get(handle.id)
            return self._engine.up and (container is None or container.exit is not None)

        with self._engine.changed:
            if not self._engine.changed.wait_for(ended, seconds) or self._closed:
                return None
            container = self._engine.containers.get(handle.id)
            return container.exit if container else Exit(None, witnessed=False)

    def stop(self, handle: Handle, grace: float) -> None:
        with self._engine.changed:
            container = self._engine.containers.get(handle.id)
            if container is None or not self._engine.up:
                return
            container.inside.asked_to_end.set()
            self._engine.changed.wait_for(lambda: container.exit, grace)
            self._engine.end(container, Exit(KILLED))

    def remove(self, handle: Handle) -> bool:
        with self._engine.changed:
            if not self._engine.up:
                return False
            container = self._engine.containers.pop(handle.id, None)
            if container is not None:
                self._engine.end(container, Exit(KILLED))
            return True

    @contextmanager
    def logs(self, handle: Handle) -> Iterator[Iterator[bytes]]:
        container = self._engine.containers.get(handle.id)
        if container is None:
            raise RunFailure(Code.INTERNAL, "there is no such container")
        yield self._follow(container)

    def _follow(self, container: _Container) -> Iterator[bytes]:
        sent = 0
        while True:
            with self._engine.changed:
                self._engine.changed.wait_for(
                    lambda: container.exit or self._closed, timeout=0.02
                )
                over = container.exit is not None or self._closed
            while sent < len(container.inside.written):
                yield container.inside.written[sent]
                sent += 1
            if over:
                return

    def _own(self) -> dict[str, _Container]:
        return {
            number: container
            for number, container in self._engine.containers.items()
            if container.node == self._node
        }

    def _require_engine(self) -> None:
        if not self._engine.up:
            raise RuntimeUnavailable

    def _watch(self) -> None:
        """Tells the node whenever the engine comes or goes."""
        with self._engine.changed:
            known = None
            while not self._closed:
                if known != self._engine.up:
                    known = self._engine.up
                    self._on_change()
                self._engine.changed.wait()
