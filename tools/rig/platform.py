"""A whole platform on this machine: registry, server, and a node for each site."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import docker

from tools.rig.box import Box, hand_over
from tools.rig.errors import RigError
from tools.rig.images import build, ensure_base_image
from tools.rig.node import CLIENT, Section, enrol, node_process, write_config
from tools.rig.process import Process, wait_until
from tools.rig.registry import Registry
from tools.rig.research import Api
from tools.rig.server import Server
from tools.rig.world import Wanted, World, make_world

TAG = "1.0"
NAMESPACE = "ptm"
ONLINE_SECONDS = 30


@dataclass(frozen=True)
class SiteData:
    """A site's name and its one table, in a folder that others cannot open."""

    name: str
    folder: Path
    table: Path


@dataclass
class Platform:
    """Keeps everything below `folder`; the registry's content outlives it."""

    folder: Path
    engine: docker.DockerClient
    registry: Registry
    server: Server
    world: World = field(default_factory=World)
    nodes: dict[str, Process] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    @property
    def api(self) -> Api:
        return Api(self.server.url, self.world.token)

    def push(self, *algorithms: Path) -> list[tuple[str, str]]:
        """Build and push the folders; return (reference by tag, manifest) of each."""
        base = ensure_base_image(self.engine)
        pushed = []
        for algorithm in algorithms:
            repository = f"{NAMESPACE}/{algorithm.name}"
            build(self.engine, algorithm, f"{repository}:{TAG}", base)
            self.registry.push(self.engine, f"{repository}:{TAG}", repository, TAG)
            reference = f"{self.registry.host}/{repository}:{TAG}"
            pushed.append((reference, str(algorithm / "manifest.json")))
        return pushed

    def start_server(self, wanted: Wanted) -> None:
        """Start on a new database that holds what is wanted."""
        shutil.rmtree(self.server.folder, ignore_errors=True)
        account = self.registry.auth("server")
        login = f"{account['username']}:{account['password']}"
        self.server.env["REGISTRY_URL"] = f"http://{login}@{self.registry.host}"
        self.world = make_world(self.server, wanted)
        self.stack.enter_context(self.server)

    def start_node(
        self,
        site: SiteData,
        *,
        hidden: Sequence[Path] = (),
        changes: Mapping[str, Section] | None = None,
        settings: Mapping[str, str] | None = None,
        box: Box | None = None,
        program: Sequence[str] = CLIENT,
    ) -> Process:
        """Enrol and start the site's node; `changes` update sections of its file.

        In a container if there is a box, which hides all but the site's own files; else
        as `program`.
        """
        url, code = self.server.url, self.world.codes[site.name]
        if box is None:
            config = enrol(site.folder, server=url, code=code, name=site.name)
        else:
            config = box.enrol(server=url, code=code, name=site.name)
        sections = self._sections(site)
        for name, change in (changes or {}).items():
            sections[name] = {**sections.get(name, {}), **change}
        write_config(config, sections)
        if box is None:
            process = node_process(
                config, hidden=hidden, settings=settings, program=program
            )
        else:
            hand_over(site.folder)
            process = box.process()
        node = self.stack.enter_context(process)
        self.nodes[site.name] = node
        return node

    def wait_until_online(self) -> None:
        """Return when the server knows what every node offers."""
        api = self.api

        def all_serve() -> bool:
            nodes = api.get("nodes/").json()["results"]
            serving = [node for node in nodes if node["online"] and node["serves"]]
            return len(serving) == len(self.nodes)

        if not wait_until(all_serve, ONLINE_SECONDS):
            raise RigError("The nodes did not come online; see their logs.")

    def _sections(self, site: SiteData) -> dict[str, Section]:
        password = site.folder / "registry.password"
        password.touch(mode=0o600)
        password.write_text(self.registry.auth("node")["password"])
        return {
            "server": {"url": self.server.url},
            "node": {"name": site.name},
            f'registry."{self.registry.host}"': {
                "username": "node",
                "password_file": str(password),
            },
            "databases.default": {
                "type": "csv",
                "uri": str(site.table),
                "collaborations": [self.world.collaboration],
            },
            "policy": {
                "images": [f"{self.registry.host}/{NAMESPACE}/*"],
                "share_log": True,
            },
        }
