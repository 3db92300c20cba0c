"""`make bench`: what the platform costs, beside what the machine can do anyway."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figure, save, show
from benchmarks.latency import measure_latency
from benchmarks.left_over import measure_left_over
from benchmarks.lists import measure_lists
from benchmarks.memory import measure_memory
from benchmarks.nodes import measure_nodes
from benchmarks.pages import measure_pages
from benchmarks.throughput import AT_ONCE, measure_throughput
from benchmarks.transfer import measure_transfer
from benchmarks.weight import measure_weight
from tools.rig.engine import docker_engine
from tools.rig.errors import RigError
from tools.rig.folders import ROOT, VAR
from tools.rig.platform import Platform, SiteData
from tools.rig.process import free_port, sigterm_unwinds
from tools.rig.registry import Registry
from tools.rig.server import Server
from tools.rig.world import Wanted

SITE = "Site North"


def measure(folder: Path, stack: ExitStack) -> Iterator[list[Figure]]:
    """Each part as soon as it is known: all of them take half an hour."""
    platform, site, images = one_node(folder, stack)
    image = platform.world.images[0]
    yield measure_memory(platform)
    yield measure_latency(platform, image)
    yield measure_throughput(platform, site, image)
    yield measure_left_over(platform, site, image)
    yield measure_weight(platform)
    yield measure_transfer(platform, images, folder / "transfer")
    yield measure_pages(folder / "pages")
    yield measure_lists(folder / "lists")
    yield from measure_nodes(folder / "nodes")


def one_node(
    folder: Path, stack: ExitStack
) -> tuple[Platform, SiteData, list[tuple[str, str]]]:
    engine = stack.enter_context(docker_engine())
    registry = stack.enter_context(Registry(folder / "registry", free_port()))
    # Requests are counted as ever, and none of ours is one too many.
    settings = {"PTM_REQUESTS_A_MINUTE": str(10**9)}
    server = Server(folder / "server", free_port(), settings)
    platform = stack.enter_context(Platform(folder, engine, registry, server))
    images = platform.push(ROOT / "algorithms" / "noop")
    platform.start_server(Wanted("Benchmarks", [SITE], images))
    site = SiteData(SITE, folder / "north", folder / "table.csv")
    site.table.write_text("age\n50\n")
    platform.start_node(site, changes={"limits": {"concurrent_runs": AT_ONCE}})
    platform.wait_until_online()
    return platform, site, images


def main() -> int:
    VAR.mkdir(exist_ok=True)
    known: list[Figure] = []
    try:
        with (
            sigterm_unwinds(),
            tempfile.TemporaryDirectory(dir=VAR, prefix="bench-") as folder,
            ExitStack() as stack,
        ):
            for figures in measure(Path(folder), stack):
                show(figures)
                known += figures
                save(known)
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
