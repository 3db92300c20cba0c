"""A standing platform for drills: everything real, as in production.

PostgreSQL, Redis, a registry, a server of two processes with its worker beside it, and
three sites, each behind a link that can be damaged.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from tools.drills.crowd import Crowd
from tools.drills.crowd_sites import admit
from tools.drills.disk import Disk
from tools.drills.engine import Engine
from tools.drills.large import Large
from tools.drills.ledger import Ledger
from tools.drills.link import Link
from tools.drills.network import Network, own_network
from tools.drills.passage import Passage
from tools.drills.points import FOLDER
from tools.drills.sent import Sent
from tools.drills.site import REACHED_SECONDS, Site
from tools.drills.witness import Witness
from tools.rig.engine import DEFAULT_SOCKET
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.platform import Platform, SiteData
from tools.rig.postgres import Postgres
from tools.rig.process import Process, free_port, wait_until
from tools.rig.redis import Redis
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.service import Service
from tools.rig.world import Wanted

NONCE = Path(__file__).parent / "images" / "nonce"
DEADLY_SERVER = "tools.drills.server_points:application"
PROCESSES = 2
SITES = ("Site North", "Site East", "Site South")
MACHINES_ENGINE = f"unix://{DEFAULT_SOCKET}"
END_SECONDS = 60.0  # so long after a fault every run has ended


class Stage:
    """What recipes act upon. `sent` and `notes` are of the recipe that acts now."""

    def __init__(self, platform: Platform, postgres: Postgres, redis: Redis) -> None:
        self.platform = platform
        self.server = platform.server
        self.registry = platform.registry
        self.engine = platform.engine
        self.postgres = postgres
        self.redis = redis
        self.sites: list[Site] = []
        self.clones: list[Site] = []
        self.crowds: list[Crowd] = []
        self.engines: list[Engine] = []
        self.disk = Disk(platform.server.folder)
        self.ledger = Ledger(postgres.url, platform.server.folder)
        self.sent = Sent(platform)
        self.notes: list[str] = []
        self.large = Large()
        self.stack: ExitStack
        self.worker: Process
        self.witness: Witness

    @property
    def image(self) -> str:
        """The drills' image, by the digest that was approved."""
        return self.platform.world.images[0]

    @property
    def points(self) -> Path:
        """Where the failpoints of the server's processes are armed."""
        return self.platform.folder / "points"

    @cached_property
    def own_engine(self) -> Engine:
        """A second engine that has the image; made when a recipe first wants it."""
        network = self.stack.enter_context(own_network())
        registry = self.registry
        self.stack.enter_context(Passage(network, registry.port, registry.port))
        engine = self.stack.enter_context(Engine(network, self.platform.folder))
        engine.start()
        self.engines.append(engine)
        self.witness.follow(engine.address)
        with closing(engine.client()) as client:
            client.images.pull(self.image, auth_config=registry.auth("node"))
        return engine

    @cached_property
    def crowd(self) -> Crowd:
        """Very many more nodes, enrolled when a recipe first wants them."""
        link = self.stack.enter_context(Link(Network(), free_port(), self.server.port))
        world = self.platform.world
        crowd = Crowd(
            self.platform.folder / "crowd",
            link,
            admit(self.server, world.collaboration),
            image=self.image,
            collaboration=world.collaboration,
        )
        self.crowds.append(crowd)
        return crowd

    def begin(self) -> None:
        """A recipe finds no tasks of others, and each node at the machine's engine."""
        self.sent.tasks.clear()
        self.notes.clear()
        for site in self.sites:
            if site.engine is not self.engine:
                site.engine.close()
                site.use_engine(self.engine, MACHINES_ENGINE)

    def send(self, *sites: Site, times: int = 1, **arguments: float) -> None:
        """Send tasks for the sites (all, if none is named)."""
        known = self.platform.world.organizations
        wanted = [known[site.name] for site in sites or self.sites]
        for _ in range(times):
            self.sent.send(wanted, {"seconds": 0.5, **arguments})

    def runs(self) -> list[int]:
        """The current runs of what was sent."""
        return [run["id"] for run in self.sent.runs()]

    def await_status(self, status: str) -> None:
        """Return when every current run has this status."""
        self.await_that(
            lambda: (
                {r["status"] for r in self.ledger.runs(self.sent.tasks)} == {status}
            ),
            f"A run never became {status}",
        )

    def await_running(self) -> None:
        """Return when every run has a container that was started."""
        for run in self.runs():
            if not self.witness.await_start(run, REACHED_SECONDS):
                raise RigError(f"Run {run} never started.")

    def await_gone(self, runs: Sequence[int]) -> None:
        """Return when the containers of the runs have ended and are removed."""
        for run in runs:
            if not self.witness.await_gone(run, REACHED_SECONDS):
                raise RigError(f"The container of run {run} never went.")

    def await_finished(self) -> None:
        """Return when all tasks that were sent are finished, as soon as is promised."""
        for task in self.sent.unfinished(END_SECONDS):
            raise RigError(f"Task {task} was not finished after {END_SECONDS:g} s.")

    def await_that(
        self, true: Callable[[], bool], otherwise: str, seconds: float = REACHED_SECONDS
    ) -> None:
        if not wait_until(true, seconds):
            raise RigError(f"{otherwise}.")

    def audited(self, event: str, run: int) -> list[Mapping[str, object]]:
        """What the audits of all machines have of a run."""
        machines: list[Site | Crowd] = [*self.sites, *self.clones, *self.crowds]
        return [entry for each in machines for entry in each.audited(event, run)]

    def forget_image(self) -> None:
        """Make the next run ask the registry; what was built stays, under its name."""
        with suppress(ImageNotFound):
            self.engine.images.remove(self.image)

    def mend(self) -> None:
        """After a recipe that went wrong: the next one finds everything as it was."""
        for armed in self.points.iterdir():
            armed.unlink()
        ours: list[Service | Engine] = [self.postgres, self.redis, self.server]
        for service in [*ours, *self.engines]:
            if not service.alive:
                service.start()
        for site in self.sites:
            site.mend()

    def arm_server(self, point: str) -> None:
        """The process of the server that next comes there dies."""
        (self.points / point).touch()

    def await_server_death(self) -> None:
        """Return when it has died; gunicorn starts another."""
        self.await_that(
            lambda: not any(self.points.iterdir()),
            "No process of the server came there",
        )


@contextmanager
def standing_stage(
    folder: Path, engine: docker.DockerClient, sites: Sequence[str] = SITES
) -> Iterator[Stage]:
    with ExitStack() as stack:
        registry = stack.enter_context(Registry(folder / "registry", free_port()))
        postgres = stack.enter_context(Postgres(folder / "postgres", free_port()))
        redis = stack.enter_context(Redis(folder / "redis", free_port()))
        server = _server(folder, postgres, redis)
        platform = Platform(folder, engine, registry, server)
        stack.enter_context(platform)
        images = platform.push(NONCE)
        stage = Stage(platform, postgres, redis)
        stage.points.mkdir()
        stack.enter_context(stage.disk)
        stage.stack = stack
        stage.witness = stack.enter_context(Witness())
        stage.witness.follow(MACHINES_ENGINE)
        platform.start_server(Wanted("Drills", list(sites), images))
        stage.worker = stack.enter_context(_worker(folder, server))
        for name in sites:
            stage.sites.append(_site(stage, stack, name))
        platform.wait_until_online()
        yield stage
        platform.stack.close()  # the nodes, which may use the image
        stage.forget_image()


def _server(folder: Path, postgres: Postgres, redis: Redis) -> Server:
    settings = {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "PTM_WORKERS": str(PROCESSES),
        FOLDER: str(folder / "points"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'node_client'}",
    }
    server = Server(folder / "server", free_port(), settings)
    server.application = DEADLY_SERVER
    return server


def _worker(folder: Path, server: Server) -> Process:
    command = [sys.executable, "manage.py", "worker"]
    log = folder / "worker.log"
    return Process("The worker", command, log=log, env=server.env, cwd=ROOT)


def _site(stage: Stage, stack: ExitStack, name: str) -> Site:
    network = stack.enter_context(own_network())
    link = stack.enter_context(Link(network, free_port(), stage.server.port))
    folder = stage.platform.folder / "sites" / name.split()[-1].lower()
    data = SiteData(name, folder, folder / "data" / "patients.csv")
    site = Site(data, link, stage.engine)
    site.disk = stack.enter_context(Disk(site.state))
    site.enrol(stage.platform)
    stage.witness.watch(site.prefix)
    return site
