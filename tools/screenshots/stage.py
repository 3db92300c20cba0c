"""A platform with something to see: three sites, a fourth that is offline, tasks."""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.errors import ImageNotFound

from tools.demo.sites import sites_in, write_tables
from tools.rig.engine import docker_engine
from tools.rig.folders import ROOT
from tools.rig.platform import Platform, SiteData
from tools.rig.process import free_port
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.world import Wanted

SUMMARY = ROOT / "algorithms" / "summary"
COLUMNS = ["age", "tsize", "pnodes", "progrec"]
WEST = "Site West"  # its node was there, and went
NEWCOMERS = ("newcomer", "alone-admin")
# Markup, a right-to-left override, a formula, and a word that does not end.
HOSTILE = '=1+1 <img src=x onerror="alert(1)"> \u202etxet ' + "w" * 120
ADD_NEWCOMERS = """
from tools.screenshots.rows import add_newcomers, add_study, add_withdrawn_version
add_newcomers("{password}")
add_withdrawn_version()
add_study("{stopped}")
"""
FACTS = """
import json
from tools.screenshots.rows import facts
print(json.dumps(facts()))
"""


@dataclass
class Stage:
    """`facts` are ids by name: of what was sent, and the first row of each model."""

    platform: Platform
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.platform.server.url

    @property
    def passwords(self) -> dict[str, str]:
        return self.platform.world.passwords


@contextmanager
def staged(folder: Path, *algorithms: Path) -> Iterator[Stage]:
    """Everything below `folder`; ends all that it started.

    The collaboration allows the summary, and further `algorithms`.
    """
    with ExitStack() as stack:
        engine = stack.enter_context(docker_engine())
        registry = stack.enter_context(Registry(folder / "registry", free_port()))
        server = Server(folder / "server", free_port())
        platform = stack.enter_context(Platform(folder, engine, registry, server))
        stack.callback(_remove_images, platform)
        stage = Stage(platform)
        _start(stage, (SUMMARY, *algorithms))
        _fill(stage)
        yield stage


def _start(stage: Stage, algorithms: Sequence[Path]) -> None:
    platform = stage.platform
    sites = sites_in(platform.folder / "sites")
    write_tables(sites)
    images = platform.push(*algorithms)
    names = [site.name for site in sites]
    platform.start_server(Wanted("Breast cancer", [*names, WEST], images))
    for site in [*sites, _west(platform.folder)]:
        platform.start_node(site)
    password = secrets.token_urlsafe(9)
    script = ADD_NEWCOMERS.format(password=password, stopped=WEST)
    platform.server.manage("shell", "-v0", "-c", script)
    stage.passwords.update(dict.fromkeys(NEWCOMERS, password))
    platform.wait_until_online()
    platform.nodes.pop(WEST).stop()


def _west(folder: Path) -> SiteData:
    table = folder / "sites" / "west" / "data" / "patients.csv"
    table.parent.mkdir(parents=True)
    table.write_text("age\n50\n")
    return SiteData(WEST, folder / "sites" / "west", table)


def _fill(stage: Stage) -> None:
    """A task that ended well, one that did not, and one that waits."""
    platform, world = stage.platform, stage.platform.world
    sites = {name: pk for name, pk in world.organizations.items() if name != WEST}
    done = _send(stage, [*sites.values()], COLUMNS, name="Patients of three sites")
    failed = _send(stage, [*sites.values()], ["absent"], name=HOSTILE, purpose=HOSTILE)
    waiting = _send(stage, [world.organizations[WEST]], ["age"], name="Age in the west")
    for task in (done, failed):
        platform.api.wait_finished(task)
    results = platform.api.get("results/", task=done["id"]).json()["results"]
    shell = platform.server.manage("shell", "-v0", "-c", FACTS)
    stage.facts = {
        "task": done["id"],
        "failed": failed["id"],
        "waiting": waiting["id"],
        "run": done["runs"][0]["id"],
        "result": results[0]["id"],
        "collaboration": world.collaboration,
        "organization": world.organizations["Site North"],
        **json.loads(shell),
    }


def _send(
    stage: Stage, organizations: list[int], columns: list[str], **texts: str
) -> dict[str, Any]:
    world = stage.platform.world
    return stage.platform.api.send_task(
        {
            "collaboration": world.collaboration,
            "organizations": organizations,
            "image": world.images[0],
            "function": "summary",
            "arguments": {"columns": columns},
            "databases": [{"label": "default"}],
            "purpose": "Describe the patients of the sites together.",
            **texts,
        }
    )


def _remove_images(platform: Platform) -> None:
    for image in platform.world.images:
        with suppress(ImageNotFound):
            platform.engine.images.remove(image)
