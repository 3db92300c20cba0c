"""A daemon in this process, on a fake engine and against the fake server."""

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from ptm_node import config
from ptm_node.agent import Agent
from ptm_node.clock import Clock
from ptm_node.errors import NodeError
from ptm_node.journal import Journal, Row
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside
from ptm_node.state import HEED

from tests.node.fake_protocol import KEY
from tests.node.fake_server import FakeServer
from tools.rig.node import inline
from tools.rig.process import wait_until

IMAGE = "localhost:5050/ptm/summary@sha256:" + "a" * 64
NODE = config.key_prefix(KEY)
RATE = 50
JOIN_SECONDS = 30


class HurriedClock(Clock):
    """Waits and tells spans as if time went fifty times as fast."""

    def monotonic(self) -> float:
        return super().monotonic() * RATE

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return super().wait(event, seconds / RATE)


def write_config(folder: Path, url: str, **sections: dict[str, Any]) -> Path:
    """A configuration that serves collaboration 1 and allows the test's images."""
    content: dict[str, dict[str, Any]] = {
        "server": {"url": url},
        "node": {"name": "test", "key_file": "node.key", "collaborations": [1]},
        "policy": {"images": ["localhost:5050/ptm/*"]},
    }
    for name, section in sections.items():
        content[name] = {**content.get(name, {}), **section}
    lines = []
    for name, section in content.items():
        lines.append(f"[{name}]")
        lines += [f"{json.dumps(k)} = {inline(v)}" for k, v in section.items()]
    path = folder / "node.toml"
    path.write_text("\n".join(lines) + "\n")
    key_file = folder / "node.key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    return path


def writes(content: bytes, status: int = 0) -> Any:
    """A program that writes its output and ends."""

    def program(inside: Inside) -> int:
        inside.file("/app/output.txt").write_bytes(content)
        return status

    return program


def waits_for(
    released: threading.Event, content: bytes = b"{}", status: int = 0
) -> Any:
    """A program that ends when the test says so, or when it is asked to."""

    def program(inside: Inside) -> int:
        while not released.wait(0.005):
            if inside.asked_to_end.is_set():
                return 143
        return int(writes(content, status)(inside))

    return program


def journal_of(state: Path) -> list[Row]:
    """What the journal holds, read as another process would."""
    journal = Journal(state / "journal.sqlite3")
    try:
        return journal.rows()
    finally:
        journal.close()


def files_of(state: Path) -> list[Path]:
    """What waits at the site, in work folders and in the spool."""
    return [path for name in ("spool", "work") for path in (state / name).iterdir()]


class Daemon:
    """One start of the daemon. Several, one after the other, share a folder."""

    def __init__(
        self, folder: Path, server: FakeServer, engine: FakeEngine, /, **sections: Any
    ) -> None:
        path = write_config(folder, server.url, **sections)
        self.config = config.load(path)
        self.engine = engine
        self.error: NodeError | None = None
        runtime = FakeRuntime(engine, NODE)
        self.agent = Agent(self.config, KEY, runtime, HurriedClock())
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        # What the daemon's own process does with the signal of a command beside it.
        signal.signal(HEED, lambda *_: self.agent.heed())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.agent.leave()
        self.join()

    def join(self) -> None:
        self._thread.join(JOIN_SECONDS)
        assert not self._thread.is_alive(), "the daemon does not end"

    def drain(self) -> None:
        self.agent.drain()

    @property
    def state(self) -> Path:
        return Path(self.config.node.state)

    def journal(self) -> list[Row]:
        return journal_of(self.state)

    def leftovers(self) -> list[str]:
        """Whatever a finished run should not leave at the site."""
        return [str(path) for path in files_of(self.state)] + [
            f"container of run {each.inside.spec.key}"
            for each in self.engine.containers.values()
        ]

    def _serve(self) -> None:
        try:
            self.agent.serve()
        except NodeError as error:
            self.error = error


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """For what happens at the site, of which no event tells."""
    assert wait_until(lambda: bool(condition()), seconds), "it did not happen"


def wait_until_clean(daemon: Daemon) -> None:
    eventually(lambda: not daemon.leftovers() and not daemon.journal())
