"""The demo as a program, and every process that belongs to it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.rig.folders import ROOT
from tools.rig.process import free_port

READY = "Ctrl-C ends everything"
# Background jobs ignore Ctrl-C, and so would the demo of tests that are one.
TERMINAL = ("env", "--default-signal=INT")


@dataclass
class Demo:
    """Runs with its own folder and ports, beside any other demo of this machine."""

    folder: Path
    port: int = field(default_factory=free_port)
    registry_port: int = field(default_factory=free_port)

    def run(self, *options: str) -> "Outcome":
        with self.running(*options) as child:
            said, complained = child.communicate(timeout=110)
        left = members(child.pid)
        return Outcome(child.returncode, plain(said), complained, left)

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """In a session of its own: by its number all its processes can be found."""
        env = {
            **os.environ,
            "PTM_DEMO": str(self.folder),
            "PTM_PORT": str(self.port),
            "PTM_REGISTRY_PORT": str(self.registry_port),
        }
        child = subprocess.Popen(
            [*TERMINAL, sys.executable, "-m", "tools.demo", *options],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with child:
            try:
                yield child
            finally:
                child.terminate()

    def node_prefixes(self) -> list[str]:
        keys = self.folder.glob("sites/*/node.key")
        return [key.read_text().split("_")[1] for key in keys]


@dataclass(frozen=True)
class Outcome:
    status: int
    said: str
    complained: str
    left: list[int]


def read_until_ready(child: subprocess.Popen[str]) -> str:
    """What the demo prints until its server is up for good."""
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if READY in line:
            return said
    raise AssertionError(f"the demo ended: {said}")


def members(session: int) -> list[int]:
    """The living processes that were started within the session."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # pid (name) state parent group session …; the name may hold anything.
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(place.name))
    return found


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
