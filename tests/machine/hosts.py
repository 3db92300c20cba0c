"""Machines of sites: each a folder, a container engine, and starts of the daemon."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ptm_node import config
from ptm_node.agent import Agent
from ptm_node.clock import Clock
from ptm_node.errors import Terminal
from ptm_node.journal import Journal, Row
from ptm_node.messages import Key
from ptm_node.runtimes.base import Handle
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside

from tests.daemon import NodeClient
from tests.machine.network import Network
from tests.machine.turns import Event, Turns
from tests.node.harness import files_of, journal_of, write_config
from tests.worlds import World

BEGAN = 1_800_000_000.0
ENDED_BY_REQUEST = 143


class TurnClock(Clock):
    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def now(self) -> float:
        return BEGAN + self._turns.now

    def monotonic(self) -> float:
        return self._turns.now

    def wait(self, event: Event, seconds: float) -> bool:  # type: ignore[override]
        return event.wait(seconds)

    def spread(self, seconds: float, share: float = 0.2) -> float:
        return seconds


@dataclass(eq=False)
class Start:
    """One start of the daemon: the owner of its threads."""

    host: "Host"
    agent: Agent | None = None
    # What the server has agreed to, as far as this start was told.
    confirmed: set[Key] = field(default_factory=set)
    sockets: list[Any] = field(default_factory=list)
    open_files: list[Any] = field(default_factory=list)
    points_left: int | None = None

    def point(self) -> None:
        """A moment between two acts, at which the power may fail."""
        if self.points_left is None:
            return
        if self.points_left == 0:
            self.host.crash()
        self.points_left -= 1


@dataclass(eq=False)
class Started:
    """A container that was started, and what it writes if it ends well."""

    host: "Host"
    key: Key
    output: bytes
    # Of which server: each time that one is put back from a copy there is another.
    server: int = 0
    # Put back, it may have forgotten the run, and gives its number to another.
    forgotten: bool = False


class Host:
    def __init__(
        self,
        name: str,
        folder: Path,
        client: NodeClient,
        network: Network,
        started: list[Started],
    ) -> None:
        self.name = name
        self.folder = folder
        self.client = client
        self.start_now: Start | None = None
        self.engine = FakeEngine()
        self._started = started
        self._network = network
        self._endings: dict[Key, int] = {}
        # Containers that were started without the server's yes.
        self.unconfirmed: list[Key] = []

    def configure(self, world: World, data: Path) -> None:
        self.folder.mkdir()
        database = {"type": "csv", "uri": str(data)}
        write_config(
            self.folder,
            "http://127.0.0.1:1",
            server={"channel": "websocket"},
            policy={"images": ["registry.test/*"], "share_rules": False},
            databases={
                "default": {**database, "collaborations": [world.collaboration.pk]}
            },
        )
        self.engine.pullable[world.version.image] = self._run

    def clone(self, name: str) -> "Host":
        """Another machine with a copy of this one's disk."""
        twin = Host(
            name,
            self.folder.with_name(name),
            self.client,
            self._network,
            self._started,
        )
        shutil.copytree(self.folder, twin.folder)
        for image in self.engine.pullable:
            twin.engine.pullable[image] = twin._run
        return twin

    # The daemon.

    def start(self) -> None:
        begun = self.start_now = Start(self)
        self._network.turns.begin(lambda: self._serve(begun), begun)

    def crash(self) -> None:
        """Nothing of the daemon goes on. Its containers do."""
        start, self.start_now = self.start_now, None
        assert start is not None
        for each in start.open_files:
            each.close()
        self._network.forget_sender(start)
        self._network.turns.kill(start)

    def hint(self) -> None:
        for socket in self.start_now.sockets if self.start_now else []:
            socket.hint()

    def _serve(self, start: Start) -> None:
        runtime = WatchedRuntime(self.engine, self.client.key.prefix, start)
        start.open_files.append(runtime)
        settings = config.load(self.folder / "node.toml")
        clock = TurnClock(self._network.turns)
        start.agent = Agent(settings, self.client.key.text, runtime, clock)
        with suppress(Terminal):  # told to go, by a newer instance or for good
            start.agent.serve()
        self.crash()  # a process takes its threads with it

    # Containers.

    @property
    def running(self) -> list[Key]:
        containers = self.engine.containers.values()
        return [c.inside.spec.key for c in containers if c.started and not c.exit]

    def end_container(self, key: Key, code: int) -> None:
        self._endings[key] = code
        self._network.turns.settle()

    def end_containers(self) -> None:
        for key in self.running:
            self.end_container(key, 0)

    def _run(self, inside: Inside) -> int:
        key = inside.spec.key
        output = json.dumps({"start": len(self._started)}).encode()
        self._started.append(Started(self, key, output))
        turns = self._network.turns
        turns.wait(lambda: inside.asked_to_end.is_set() or key in self._endings)
        if inside.asked_to_end.is_set():
            return ENDED_BY_REQUEST
        code = self._endings.pop(key)
        if code == 0:
            inside.file("/app/output.txt").write_bytes(output)
        return code

    # What is left.

    def journal(self) -> list[Row]:
        state = self.folder / "state"
        return journal_of(state) if (state / "journal.sqlite3").exists() else []

    def last_claim(self) -> int:
        """The highest whose answer is in the journal."""
        journal = Journal(self.folder / "state" / "journal.sqlite3")
        with closing(journal):
            return journal.holdings().last_claim

    def leftovers(self) -> list[str]:
        """Whatever ended runs should not leave at the site."""
        containers = self.engine.containers.values()
        return [
            *(f"journal {row.key} {row.phase}" for row in self.journal()),
            *(f"file {path.name}" for path in files_of(self.folder / "state")),
            *(f"container {each.inside.spec.key}" for each in containers),
        ]


class WatchedRuntime(FakeRuntime):
    """Remembers what was started without the server's yes. Containers say nothing."""

    def __init__(self, engine: FakeEngine, node: str, start: Start) -> None:
        super().__init__(engine, node)
        self._start = start

    def start(self, handle: Handle) -> None:
        if handle.key not in self._start.confirmed:
            self._start.host.unconfirmed.append(handle.key)
        super().start(handle)

    @contextmanager
    def logs(self, handle: Handle) -> Iterator[Iterator[bytes]]:
        yield iter(())
