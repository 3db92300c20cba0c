"""A thousand idle nodes at one server: how soon they hear of work, what they weigh,
and what they leave to everybody else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.answering import Answering
from benchmarks.figures import Figure, percentile
from benchmarks.idle import LOOK_SECONDS
from benchmarks.load import Connection, requests_per_second
from benchmarks.memory import tree_mb, tree_seconds
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.postgres import Postgres
from tools.rig.process import free_port
from tools.rig.redis import Redis
from tools.rig.server import Server
from tools.rig.world import Wanted, make_world

COUNT = 1_000
SITE = "Site North"
PAGE = "/api/v1/tasks/?page_size=10"
REQUESTS = 500
WARM_SECONDS = 5.0
# Twice as many at once as a process has threads, so that all of two have their memory.
CONNECTIONS = 32
WAKES = 200
WARM_NODES, WARM_WAKES = 50, 20  # whatever the first nodes need, the others share
IDLE_SECONDS = LOOK_SECONDS  # every node beats and claims
KB_AIM = 40


def measure_nodes(folder: Path, count: int = COUNT) -> Iterator[list[Figure]]:
    alone = Server(folder / "embedded", free_port())
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(folder / "postgres", free_port()))
        redis = stack.enter_context(Redis(folder / "redis", free_port()))
        settings = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        settings["PTM_WORKERS"] = "2"
        shared = Server(folder / "two", free_port(), settings)
        yield measure_server(alone, f"{count:,} nodes, embedded", count)
        yield measure_server(shared, f"{count:,} nodes, two processes", count)


def measure_server(server: Server, name: str, count: int) -> list[Figure]:
    # So many requests of one address are more than what an office may ask.
    server.env["PTM_REQUESTS_A_MINUTE"] = str(10**9)
    known = make_fleet(server, count)
    signed = {"Authorization": f"Bearer {known['token']}"}
    with server, ExitStack() as stack:
        links = [
            stack.enter_context(Connection(server.port, signed))
            for _ in range(CONNECTIONS)
        ]
        requests_per_second(links, _ask_anew, WARM_SECONDS)
        first, others = known["nodes"][:WARM_NODES], known["nodes"][WARM_NODES:]
        idle = partial(Answering, "benchmarks.idle", env=server.env)
        with idle() as warm, idle() as fleet:
            warm.ask(json.dumps({**known, "nodes": first}))
            warm.ask(str(WARM_WAKES))
            without = page_times(server, signed)  # a page of tasks, as later
            before = tree_mb(server.pid)
            connected = fleet.ask(json.dumps({**known, "nodes": others}))
            cores = idle_cores(server)
            beside = page_times(server, signed)
            heard = fleet.ask(str(min(WAKES, len(others))))
            grown = tree_mb(server.pid) - before
    if heard["failures"]:
        raise RigError(f"{name}: {heard['failures'][0]}.")
    alone, together = percentile(without, 0.95), percentile(beside, 0.95)
    return [
        Figure(f"{name}: all connected", connected["seconds"], "s"),
        Figure(f"{name}: wake-up, p50", percentile(heard["wake"], 0.5), "ms"),
        Figure(f"{name}: wake-up, p95", percentile(heard["wake"], 0.95), "ms"),
        Figure(f"{name}: echo, p95", percentile(heard["echo"], 0.95), "ms"),
        Figure(f"{name}: memory of one", grown * 1000 / len(others), "kB", KB_AIM),
        Figure(f"{name}: work for all", cores, "cores"),
        Figure(f"{name}: list page, p95", together, "ms"),
        Figure(f"{name}: list page, with ÷ without", together / alone, "×"),
    ]


def _ask_anew(link: Connection) -> None:
    """Over a connection of its own: one process accepts all that come at once."""
    link.get(PAGE)
    link.link.close()


def page_times(server: Server, signed: dict[str, str]) -> list[float]:
    """In milliseconds, of one who asks now and then while every node claims once.

    Nodes that came together also speak together, so that any moment is no measure.
    """
    times = []
    # Over a line of its own: the server closes those that were idle for long.
    with Connection(server.port, signed) as link:
        for _ in range(REQUESTS):
            times += link.milliseconds(PAGE, 1)
            time.sleep(LOOK_SECONDS / REQUESTS)
    return times


def idle_cores(server: Server) -> float:
    """How many cores the server needs while nobody but the nodes asks it."""
    began, spent = time.monotonic(), tree_seconds(server.pid)
    time.sleep(IDLE_SECONDS)
    return (tree_seconds(server.pid) - spent) / (time.monotonic() - began)


def make_fleet(server: Server, count: int) -> dict[str, Any]:
    world = make_world(server, Wanted("Benchmarks", [SITE], []))
    sender = str(world.organizations[SITE])
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet", str(count), sender],
        cwd=ROOT,
        env=server.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    if made.returncode:
        raise RigError(f"{count} nodes could not be stored.")
    return {**json.loads(made.stdout), "server": server.url, "token": world.token}
