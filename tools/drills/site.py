"""A site of a drill: its node as a process, its files, and its way to the server."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import docker
from docker.models.containers import Container
from ptm_node.audit import Audit
from ptm_node.errors import AuditBroken
from ptm_node.messages import Head

from tools.drills.disk import Disk
from tools.drills.link import CLAIM, Damage, Link
from tools.drills.points import AHEAD, FOLDER
from tools.drills.state import audited, held, waiting
from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.folders import ROOT
from tools.rig.platform import Platform, SiteData
from tools.rig.process import Process, wait_until

DEADLY_NODE = (sys.executable, "-m", "tools.drills.node_points")
REACHED_SECONDS = 60.0
OUTPUT = "4g"


@dataclass
class Site:
    data: SiteData
    link: Link
    engine: docker.DockerClient = field(repr=False)
    process: Process = field(init=False)
    disk: Disk = field(init=False)
    # Another machine has written in the name of this one: two audits, one server.
    cloned: bool = False

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def state(self) -> Path:
        return self.data.folder / "state"

    @property
    def points(self) -> Path:
        """Where the failpoints of this node are armed."""
        return self.data.folder / "points"

    @property
    def prefix(self) -> str:
        """The public part of its key, with which it labels its containers."""
        return (self.data.folder / "node.key").read_text().split("_")[1]

    @property
    def said(self) -> str:
        """What the daemon has logged."""
        return self.process.log.read_text()

    @property
    def program(self) -> tuple[str, ...]:
        """Its daemon, in the site's network and able to die."""
        return (*self.link.network.inside, *DEADLY_NODE)

    def enrol(self, platform: Platform) -> None:
        """Enrol and start the node; it speaks to the server over the link only."""
        self.data.table.parent.mkdir(parents=True, exist_ok=True)
        self.data.table.write_text("age\n50\n")
        self.points.mkdir()
        self.process = platform.start_node(
            self.data,
            changes={
                "server": {"url": self.link.url},
                "policy": {"share_columns": True},
                "limits": {"output": OUTPUT},
            },
            settings={FOLDER: str(self.points), "PYTHONPATH": _python_path()},
            program=self.program,
        )

    def add_column(self) -> None:
        """The node will have something new to announce."""
        names, *rows = self.data.table.read_text().splitlines()
        names = f"{names},column{names.count(',') + 2}"
        lines = [names, *(f"{row},0" for row in rows)]
        self.data.table.write_text("\n".join(lines) + "\n")

    def arm(self, point: str) -> None:
        """The node dies when it next comes there."""
        (self.points / point).touch()

    def mend(self) -> None:
        for armed in self.points.iterdir():
            armed.unlink()
        self.link.damage(Damage.NONE)
        if not self.process.alive:
            self.process.start()

    def set_clock(self, ahead: int) -> None:
        """Start the node again with a clock that is so many seconds ahead."""
        self._restart({AHEAD: str(ahead)})

    def use_engine(self, engine: docker.DockerClient, address: str) -> None:
        """Start the node again with another container engine."""
        self.engine = engine
        self._restart({"DOCKER_HOST": address})

    def _restart(self, settings: Mapping[str, str]) -> None:
        self.process.stop()
        self.process.env = {**(self.process.env or {}), **settings}
        claims = self.link.answered[CLAIM]
        self.process.start()
        if not wait_until(lambda: self.link.answered[CLAIM] > claims, REACHED_SECONDS):
            raise RigError(f"{self.name} does not claim again.")

    @contextmanager
    def reached_over(self, url: str) -> Iterator[None]:
        """Its node speaks to the server over another line until the block ends."""
        self._move(self.link.url, url)
        try:
            yield
        finally:
            self._move(url, self.link.url)

    def _move(self, old: str, new: str) -> None:
        self.process.stop()
        config = self.data.folder / "node.toml"
        write_private(config, config.read_text().replace(old, new))
        self.process.start()

    def await_death(self) -> None:
        """Return when it has died at the point that was armed."""
        self.process.wait(REACHED_SECONDS)
        if armed := [each.name for each in self.points.iterdir()]:
            raise RigError(f"{self.name} ended before it came to {', '.join(armed)}.")

    def clone(self) -> "Site":
        """A copy of the machine as it is now, its identity included."""
        self.cloned = True
        folder = self.data.folder.with_name(f"{self.data.folder.name}-{token_hex(4)}")
        os.kill(self.process.pid, signal.SIGSTOP)  # it writes nothing meanwhile
        shutil.copytree(self.data.folder, folder)
        os.kill(self.process.pid, signal.SIGCONT)
        data = SiteData(self.name, folder, self.data.table)
        copy = Site(data, self.link, self.engine, cloned=True)
        copy.process = Process(
            f"The clone of {self.name}",
            [*self.program, "run", "--config", str(folder / "node.toml")],
            log=folder / "node.log",
            env=self.process.env,
            stop_timeout=30,
        )
        return copy

    # What stands there, as others than the daemon see it.

    def containers(self) -> list[Container]:
        label = f"ptm.node={self.prefix}"
        return self.engine.containers.list(
            all=True, filters={"label": label}, ignore_removed=True
        )

    def left(self) -> list[str]:
        """What stands where nothing may stand when no run is under way."""
        containers = [f"container {each.name}" for each in self.containers()]
        found = [*waiting(self.state), *containers, *held(self.state)]
        return [f"{self.name}: {what}" for what in found]

    def settles(self, seconds: float) -> bool:
        return wait_until(lambda: not self.left(), seconds)

    def audited(self, event: str, run: int) -> list[Mapping[str, object]]:
        return audited(self.state, event, run)

    def broken_audit(self, told: Sequence[Head]) -> str:
        """What is wrong with the site's chain, given what the server was told."""
        with closing(Audit(self.state / "audit.sqlite3")) as audit:
            try:
                audit.verify(told[-1] if told and not self.cloned else None)
            except AuditBroken as error:
                return f"{self.name}'s audit: {error}"
        return ""


def _python_path() -> str:
    """The daemon is started from the drills' own modules, wherever it runs."""
    return f"{ROOT}:{ROOT / 'node_client'}"
