"""Very many nodes at once, as a recipe sees them."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.drills.crowd_sites import Admitted
from tools.drills.link import Link
from tools.drills.state import audited, held, waiting
from tools.drills.witness import Seen
from tools.rig.files import write_private
from tools.rig.folders import ROOT
from tools.rig.process import Process

WANTED, STARTS = "wanted.json", "starts.jsonl"


@dataclass(frozen=True)
class Wanted:
    """What its process is told."""

    server: str
    image: str
    collaboration: int
    codes: list[str] = field(repr=False)


@dataclass(frozen=True)
class Start:
    """A container that stood for one, and the folder of its node."""

    run: int
    attempt: int
    id: str
    node: str


class Crowd:
    def __init__(
        self,
        folder: Path,
        link: Link,
        admitted: Admitted,
        *,
        image: str,
        collaboration: int,
    ) -> None:
        folder.mkdir()
        wanted = Wanted(link.url, image, collaboration, admitted.codes)
        write_private(folder / WANTED, json.dumps(asdict(wanted)))
        self.organizations = admitted.organizations
        self.size = len(admitted.codes)
        self.link = link
        self.process = Process(
            "The crowd of nodes",
            [sys.executable, "-m", "tools.drills.crowd_nodes", str(folder)],
            log=folder / "nodes.log",
            cwd=ROOT,
        )
        self._folder = folder
        self._image = image

    def starts(self) -> list[Start]:
        """What its engines have started, oldest first."""
        file = self._folder / STARTS
        lines = file.read_text().splitlines() if file.exists() else []
        return [Start(**json.loads(line)) for line in lines]

    def seen(self) -> list[tuple[int, Seen]]:
        """The same, with the run of each, as a witness tells it."""
        return [
            (each.run, Seen(each.id, each.attempt, self._image, starts=1, gone=True))
            for each in self.starts()
        ]

    def left(self) -> list[str]:
        """What stands at nodes that have run something, and should not."""
        return [
            what
            for node in {start.node for start in self.starts()}
            for what in [*waiting(self._state(node)), *held(self._state(node))]
        ]

    def audited(self, event: str, run: int) -> list[Mapping[str, object]]:
        """What the nodes that started the run have in their audits of it."""
        nodes = {start.node for start in self.starts() if start.run == run}
        return [e for node in nodes for e in audited(self._state(node), event, run)]

    def _state(self, node: str) -> Path:
        return self._folder / node / "state"
