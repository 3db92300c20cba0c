"""Three sites, one question, one answer: what `make demo` shows.

Starts what is missing; ends what it started, and nothing else.
"""

import argparse
import os
import shutil
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from algorithms.summary.combine import combine
from tools.demo.compare import compare
from tools.demo.screen import Screen
from tools.demo.sites import alter_row, sites_in, write_tables
from tools.rig.engine import docker_engine
from tools.rig.errors import RigError
from tools.rig.folders import ROOT, VAR
from tools.rig.platform import Platform
from tools.rig.process import port_setting, port_taken, sigterm_unwinds
from tools.rig.registry import Registry, configured_port
from tools.rig.server import Server
from tools.rig.world import Wanted

SUMMARY = ROOT / "algorithms" / "summary"
COLUMNS = ["age", "tsize", "pnodes", "progrec", "estrec", "time"]


class Demo:
    """Everything between the first step and the last."""

    def __init__(self, folder: Path, port: int, stack: ExitStack) -> None:
        self.screen = Screen()
        self.folder = folder
        self.stack = stack
        self.registry = Registry(folder / "registry", configured_port())
        self.server = Server(folder / "server", port)
        self.sites = sites_in(folder / "sites")

    def run(self, *, altered: bool) -> bool:
        """Run the analysis; return whether federated and pooled figures agree."""
        refuse_taken_ports(self.server, self.registry)
        shutil.rmtree(self.folder / "sites", ignore_errors=True)
        pooled = write_tables(self.sites)
        if altered:
            alter_row(self.sites[-1])
        self._start()
        self.screen.say(f"\nAsking three sites about {', '.join(COLUMNS)}:")
        rows = compare(self._analyse(), pooled)
        self.screen.say(f"\nThree sites' aggregates beside all {len(pooled)} rows:")
        self.screen.comparison(rows)
        return all(row.agrees for row in rows)

    def _start(self) -> None:
        with self.screen.step("Docker engine and registry"):
            engine = self.stack.enter_context(docker_engine())
            self.stack.enter_context(self.registry)
            platform = Platform(self.folder, engine, self.registry, self.server)
            self.platform = self.stack.enter_context(platform)
        with self.screen.step("Algorithm image, built and pushed"):
            images = platform.push(SUMMARY)
        with self.screen.step("Server, three sites and their people"):
            names = [site.name for site in self.sites]
            platform.start_server(Wanted("Breast cancer", names, images))
        with self.screen.step("Three nodes, each with its own part of the data"):
            for site in self.sites:
                others = [o.table.parent for o in self.sites if o is not site]
                platform.start_node(site, hidden=others)
            platform.wait_until_online()

    def _analyse(self) -> dict[str, Any]:
        api = self.platform.api
        world = self.platform.world
        with self.screen.lanes() as lanes:
            task = api.send_task(
                {
                    "collaboration": world.collaboration,
                    "organizations": list(world.organizations.values()),
                    "image": world.images[0],
                    "function": "summary",
                    "arguments": {"columns": COLUMNS},
                    "databases": [{"label": "default"}],
                    "name": "Patients of three sites",
                    "purpose": "Show that aggregates are enough.",
                }
            )
            self.task = api.follow(task, lanes.show)
        results = api.results(self.task)
        if len(results) < len(self.sites):
            raise RigError(f"Not every site answered; see the logs in {self.folder}.")
        return combine(list(results.values()))

    def invite(self) -> None:
        """Say where the server is and who may sign in."""
        world = self.platform.world
        url = self.server.url
        self.screen.say(f"\nThe server is up at [bold]{url}[/]")
        self.screen.say(f"  this task     {url}/tasks/{self.task['id']}/")
        self.screen.say(f"  admin's desk  {url}/admin/")
        self.screen.say(f"  the API       {url}/api/v1/docs/")
        self.screen.say("\nAccounts, for this run only")
        for name, password in world.passwords.items():
            self.screen.say(f"  {name:<13} {password}")
        self.screen.say(f"  researcher's token  {world.token}")
        self.screen.say("\nCtrl-C ends everything that this started.")


def refuse_taken_ports(server: Server, registry: Registry) -> None:
    """Say so before anything is made."""
    for service in (server, registry):
        if port_taken(service.port):
            taken = f"Port {service.port} is taken by another program"
            raise RigError(f"{taken}{service.taken_advice}.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the comparison")
    parser.add_argument(
        "--alter-row",
        action="store_true",
        help="change one patient at one site, so that the figures must differ",
    )
    options = parser.parse_args()
    folder = Path(os.environ.get("PTM_DEMO", VAR / "demo")).resolve()
    try:
        with sigterm_unwinds(), ExitStack() as stack:
            demo = Demo(folder, port_setting("PTM_PORT", 8000), stack)
            agree = demo.run(altered=options.alter_row)
            if not options.exit:
                demo.invite()
                with suppress(KeyboardInterrupt):
                    signal.pause()
            return 0 if agree else 1
    except RigError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
