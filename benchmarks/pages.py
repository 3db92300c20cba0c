"""What the server needs for each page, with few tasks in its database and with many."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

from benchmarks.answering import Answering
from benchmarks.figures import Figure
from benchmarks.turns import medians
from tools.rig.errors import RigError
from tools.rig.process import free_port
from tools.rig.server import Server
from tools.rig.world import Wanted, make_world

FEW, MANY = 1_000, 100_000
TURNS = 10  # of so many requests each
REQUESTS = 20
AIM = 1.5
SITES = ["Site North", "Site East", "Site South"]
# Names of tools.screenshots.pages.
MEASURED = (
    "dashboard",
    "dashboard-newcomer",
    "tasks",
    "tasks-found",
    "tasks-none",
    "task",
    "task-new",
    "result",
    "collaborations",
    "collaboration",
    "algorithms",
    "algorithm",
    "organization",
    "account",
    "admin",
    "admin-tasks-task-changelist",
    "admin-tasks-run-changelist",
)


class Crowded:
    """A process with a database of so many tasks, which measures its own pages."""

    def __init__(self, folder: Path, count: int) -> None:
        self.server = Server(folder, free_port())
        self.count = count

    def __enter__(self) -> Self:
        world = make_world(self.server, Wanted("Benchmarks", SITES, []))
        sites = map(str, world.organizations.values())
        measuring = ("benchmarks.page_times", str(self.count), *sites)
        self.child = Answering(*measuring, env=self.server.env)
        return self

    def __exit__(self, *_: object) -> None:
        self.child.end()

    def queries(self, page: str) -> float:
        found: list[float] = self.child.ask(f"{page} queries")
        return found[0]

    def times(self, page: str) -> list[float]:
        """Milliseconds of some requests."""
        found: list[float] = self.child.ask(f"{page} {REQUESTS}")
        return found


def measure_pages(folder: Path) -> list[Figure]:
    """Return, for each page, its median with many tasks, and how much slower it is."""
    with Crowded(folder / "few", FEW) as few, Crowded(folder / "many", MANY) as many:
        return [figure for page in MEASURED for figure in compare(page, few, many)]


def compare(page: str, few: Crowded, many: Crowded) -> Iterator[Figure]:
    counts = few.queries(page), many.queries(page)
    if counts[0] != counts[1]:
        raise RigError(f"The page {page} makes {counts[0]} queries, or {counts[1]}.")
    spent = medians([partial(crowd.times, page) for crowd in (few, many)], TURNS)
    yield Figure(f"page {page}, {MANY:,} tasks, p50", spent[1], "ms")
    slower = spent[1] / spent[0]
    yield Figure(f"page {page}, {MANY:,} tasks ÷ {FEW:,}", slower, "×", AIM)
