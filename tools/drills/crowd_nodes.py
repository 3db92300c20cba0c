"""Very many daemons in one process: `python -m tools.drills.crowd_nodes FOLDER`.

All of each is the product's own, journal, spool and socket included, but for the
container engine: that is the one in memory, which keeps the same contract as Docker.
What it starts is written into a file, a line for each.
"""

import json
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from ptm_node import config
from ptm_node.agent import Agent
from ptm_node.enrol import initialise
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside

from tools.drills.crowd import STARTS, WANTED, Wanted
from tools.rig.node import write_config

AT_ONCE = 8
ENDED_EARLY = 143


class Program:
    """Does what the drills' image does."""

    def __init__(self, starts: Path) -> None:
        self._starts = starts.open("a", buffering=1)
        self._lock = threading.Lock()

    def run(self, inside: Inside, node: str) -> int:
        container, (run, attempt) = token_hex(32), inside.spec.key
        line = {"run": run, "attempt": attempt, "id": container, "node": node}
        with self._lock:
            self._starts.write(json.dumps(line) + "\n")
        call = json.loads(inside.file("/app/input.txt").read_bytes())
        if inside.asked_to_end.wait(call["kwargs"]["seconds"]):
            return ENDED_EARLY
        words = (container[:12], token_hex(16), sha256(b"").hexdigest())
        inside.file("/app/output.txt").write_text(" ".join(words) + "\n")
        return 0


def enrol(folder: Path, code: str, wanted: Wanted) -> Path:
    """The node's configuration, made at its first start."""
    path = folder / "node.toml"
    if not path.exists():
        initialise(path, wanted.server, code, folder.name, ca_bundle=None)
        sections: dict[str, dict[str, object]] = {
            "server": {"url": wanted.server},
            "node": {"name": folder.name, "collaborations": [wanted.collaboration]},
            "policy": {"images": [wanted.image]},
        }
        write_config(path, sections)
    return path


def serve(path: Path, wanted: Wanted, program: Program) -> None:
    settings = config.load(path)
    key = config.read_key(Path(settings.node.key_file))
    engine = FakeEngine()
    node = path.parent.name
    engine.present[wanted.image] = lambda inside: program.run(inside, node)
    Agent(settings, key, FakeRuntime(engine, config.key_prefix(key))).serve()


def main(folder: Path) -> None:
    wanted = Wanted(**json.loads((folder / WANTED).read_text()))
    places = [folder / f"node-{number}" for number in range(len(wanted.codes))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        paths: Iterable[Path] = pool.map(
            lambda place, code: enrol(place, code, wanted), places, wanted.codes
        )
    program = Program(folder / STARTS)
    for path in paths:
        threading.Thread(target=serve, args=(path, wanted, program)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
