"""The task list on PostgreSQL with few tasks and with very many, and what the API
gives in a second beside a view that does nothing."""

import base64
import json
import runpy
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from benchmarks.figures import Figure
from benchmarks.load import Ask, Connection, requests_per_second
from benchmarks.turns import medians
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.postgres import Postgres
from tools.rig.process import free_port
from tools.rig.server import Server
from tools.rig.world import RESEARCHER, Wanted, make_world

FEW, MANY = 1_000, 200_000
SITES = ["Site North", "Site East", "Site South"]
AIM = 1.5
TURNS = 10  # of so many requests each
REQUESTS = 10
WARM_UP = 5
QUIET = "quiet"
API, PORTAL = "/api/v1/tasks/", "/tasks/"

CONNECTIONS = 8
LOAD_TURNS = 6  # of so many seconds each
SECONDS = 2.0
# The least that each should be, in requests of the empty view.
FLOORS = {"task creation": 0.25, "list page of 10": 0.35, "list page of 100": 0.15}


class Crowded:
    """A server whose PostgreSQL database holds so many tasks."""

    def __init__(self, folder: Path, postgres: Postgres, count: int) -> None:
        settings = {
            "DATABASE_URL": postgres.create_database(f"tasks_{count}"),
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            # Requests are counted as ever, and none of ours is one too many.
            "PTM_REQUESTS_A_MINUTE": str(10**9),
        }
        self.server = Server(folder, free_port(), settings)
        self.count = count

    def __enter__(self) -> Self:
        world = make_world(self.server, Wanted("Benchmarks", SITES, []))
        sites = map(str, world.organizations.values())
        filled = subprocess.run(
            [sys.executable, "-m", "benchmarks.throng", str(self.count), *sites],
            cwd=ROOT,
            env=self.server.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        if filled.returncode:
            raise RigError(f"{self.count} tasks could not be stored.")
        self.known: dict[str, Any] = json.loads(filled.stdout)
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def connection(self, reader: str, path: str = API) -> Connection:
        """As a script of the reader, or as a browser if the portal is asked."""
        known = self.known["readers"][reader]
        script = {"Authorization": f"Bearer {known['token']}"}
        browser = {"Cookie": f"sessionid={known['session']}"}
        return Connection(self.server.port, script if path == API else browser)


@dataclass(frozen=True)
class Read:
    """A page of a list as a reader asks for it."""

    name: str
    reader: str
    path: str
    query: dict[str, str]
    deep: bool = False

    def address(self, known: dict[str, Any]) -> str:
        query = {name: value.format(**known) for name, value in self.query.items()}
        if self.deep:
            place = known["readers"][self.reader]["deep"]
            cursor = base64.b64encode(f"p={place}".encode()).decode()
            query |= {"cursor": cursor} if self.path == API else {"before": str(place)}
        return f"{self.path}?{urlencode(query)}"


FILTERS: dict[str, dict[str, str]] = {
    "unfiltered": {},
    "open": {"status": "open"},
    "finished": {"status": "finished"},
    "collaboration": {"collaboration": "{collaboration}"},
    "organization": {"organization": "{site}"},
    "initiator": {"initiator": "{initiator}"},
    "name of all": {"name": "task"},
    "name of three": {"name": "needle"},
    "name of none": {"name": "nowhere"},
}
SEARCHES: dict[str, dict[str, str]] = {
    "unfiltered": {},
    "open": {"status": "open"},
    "collaboration": {"collaboration": "{collaboration}"},
    "name of all": {"q": "task"},
}


def reads() -> Iterator[Read]:
    doors = (("API", API, FILTERS), ("portal", PORTAL, SEARCHES))
    for reader in (RESEARCHER, QUIET):
        for door, path, filters in doors:
            for name, query in filters.items():
                for deep in (False, True):
                    place = "deep" if deep else "first"
                    title = f"{door} tasks, {reader}, {name}, {place} page"
                    yield Read(title, reader, path, query, deep)


def measure_lists(folder: Path) -> list[Figure]:
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(folder / "postgres", free_port()))
        few = stack.enter_context(Crowded(folder / "few", postgres, FEW))
        many = stack.enter_context(Crowded(folder / "many", postgres, MANY))
        flat = [figure for read in reads() for figure in compare(read, few, many)]
        return [*flat, *measure_load(many)]


def compare(read: Read, few: Crowded, many: Crowded) -> Iterator[Figure]:
    """Return what the page costs with many tasks, and how much more than with few."""
    with ExitStack() as stack:
        asks = []
        for crowd in (few, many):
            link = stack.enter_context(crowd.connection(read.reader, read.path))
            address = read.address(crowd.known)
            link.milliseconds(address, WARM_UP)
            asks.append(partial(link.milliseconds, address, REQUESTS))
        spent = medians(asks, TURNS)
    yield Figure(f"{read.name}, {MANY:,} tasks, p50", spent[1], "ms")
    yield Figure(f"{read.name}, {MANY:,} ÷ {FEW:,}", spent[1] / spent[0], "×", AIM)


def measure_load(crowd: Crowded) -> list[Figure]:
    """Return what the server gives in a second, and each as a share of nothing."""
    asks: dict[str, Ask] = {
        "empty view": lambda link: link.get("/api/v1/empty/"),
        "task creation": partial(create_task, crowd.known),
        "list page of 10": lambda link: link.get(f"{API}?page_size=10"),
        "list page of 100": lambda link: link.get(f"{API}?page_size=100"),
    }
    with ExitStack() as stack:
        links = [
            stack.enter_context(crowd.connection(RESEARCHER))
            for _ in range(CONNECTIONS)
        ]
        measures = [partial(rate, links, ask) for ask in asks.values()]
        for measure in measures:
            measure()
        rates = dict(zip(asks, medians(measures, LOAD_TURNS), strict=True))
    how = f"{worker()}, {CONNECTIONS} connections"
    return [
        *(Figure(f"{name} ({how})", rates[name], "requests/s") for name in asks),
        *(
            Figure(
                f"{name} ÷ empty view",
                rates[name] / rates["empty view"],
                "×",
                floor=floor,
            )
            for name, floor in FLOORS.items()
        ),
    ]


def rate(links: list[Connection], ask: Ask) -> list[float]:
    return [requests_per_second(links, ask, SECONDS)]


def create_task(known: dict[str, Any], link: Connection) -> None:
    body = {
        "collaboration": known["collaboration"],
        "organizations": [known["site"]],
        "image": known["image"],
        "function": "summary",
        "arguments": {"columns": ["age"]},
        "databases": [{"label": "default"}],
        "name": "benchmark",
    }
    key = {"Idempotency-Key": uuid.uuid4().hex}
    link.post(API, json.dumps(body).encode(), key)


def worker() -> str:
    """Which processes of gunicorn answer, as deployed."""
    config = runpy.run_path(str(ROOT / "deploy" / "gunicorn.conf.py"))
    return f"{config['workers']} × {config['worker_class']}"
