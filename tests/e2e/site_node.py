"""A site's node as the tests look at it: process, journal, files, containers."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from ptm_node import status

from tools.rig.box import Box
from tools.rig.node import CLIENT
from tools.rig.platform import SiteData
from tools.rig.process import Process, wait_until

NORTH, EAST, SOUTH = "Site North", "Site East", "Site South"
WEST = "Site West"
Json = dict[str, Any]
SETTLE_SECONDS = 15


@dataclass
class SiteNode:
    data: SiteData
    process: Process
    engine: docker.DockerClient = field(repr=False)
    since: float
    box: Box | None = None
    blamed: set[str] = field(default_factory=set)
    cleared: bool = False

    @property
    def folder(self) -> Path:
        return self.data.folder

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def prefix(self) -> str:
        """The public part of its key, with which it labels its containers."""
        return (self.folder / "node.key").read_text().split("_")[1]

    @property
    def said(self) -> str:
        """What the daemon has logged."""
        return self.process.log.read_text()

    def journal(self) -> Json:
        """What `ptm-node status` says, whether the daemon runs or not."""
        if self.box is None:
            return {**status.read(self.state)}
        told: Json = json.loads(self.command("status", "--json"))
        return told

    def command(self, *arguments: str) -> str:
        """What a command beside the daemon prints."""
        config = str(self.folder / "node.toml")
        client = CLIENT if self.box is None else self.box.client
        done = subprocess.run(
            [*client, *arguments, "--config", config],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def kept_log(self, run: Json) -> str:
        """The log of a run as the site keeps it."""
        return (self.state / "logs" / f"{run['id']}-{run['attempt']}.log").read_text()

    def containers(self) -> list[Container]:
        label = f"ptm.node={self.prefix}"
        return self.engine.containers.list(
            all=True, filters={"label": label}, ignore_removed=True
        )

    def starts(self, run: Json) -> int:
        """How many containers were started for the run, by the engine's own record."""
        options = {"since": self.since, "until": time.time(), "decode": True}
        return len(list(self._events("start", run, options)))

    def await_event(self, event: str, run: Json, seconds: float = 30) -> None:
        """Return when the engine tells (or has told) of it."""
        until = time.time() + seconds
        options = {"since": self.since, "until": until, "decode": True}
        stream = self._events(event, run, options)
        try:
            assert next(iter(stream), None), f"no {event} within {seconds} s"
        finally:
            stream.close()

    def _events(self, event: str, run: Json, options: Json) -> Any:
        labels = [f"ptm.node={self.prefix}", f"ptm.run={run['id']}"]
        filters = {"type": "container", "event": event, "label": labels}
        return self.engine.events(filters=filters, **options)

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def left(self) -> set[str]:
        """What stands where nothing may stand when no run is under way."""
        folders = [self.state / "spool", self.state / "work"]
        files = {str(path) for folder in folders for path in folder.glob("*")}
        return (files | {str(each.name) for each in self.containers()}) - self.blamed

    def settles(self) -> bool:
        """Whether nothing is left within a few seconds."""
        return wait_until(lambda: not self.left(), SETTLE_SECONDS)

    def assert_done(self) -> None:
        """Nothing of a run is left: no file, no container, no line in the journal."""
        assert self.settles(), self.left()
        assert wait_until(lambda: not self.held(), SETTLE_SECONDS), self.held()

    def held(self) -> list[Json]:
        """The attempts whose end the server has not yet acknowledged."""
        held: list[Json] = self.journal()["held"]
        return held

    def blame(self) -> set[str]:
        """What is left after a few seconds; it is told once, not after every test."""
        left = set() if self.settles() else self.left()
        self.blamed |= left
        return left

    def clear(self) -> None:
        """Remove what a failed test may have left, so that others are not harmed."""
        self.process.stop()
        for container in self.containers():
            container.remove(force=True)
        self.cleared = True
