"""What many runs leave behind: in Docker, and in the node's own folder."""

from benchmarks.figures import Figure
from benchmarks.throughput import seconds_of_runs
from tools.rig.platform import Platform, SiteData

RUNS = 1_000
AT_A_TIME = 100
# Beside the audit, whose lines of a run come to this.
AUDIT_KB = 1.5


def measure_left_over(platform: Platform, site: SiteData, image: str) -> list[Figure]:
    """Return how much more there is after so many runs than before them."""
    before = _docker_bytes(platform), _things(platform), _state_bytes(site)
    for _ in range(RUNS // AT_A_TIME):
        seconds_of_runs(platform, site, image, AT_A_TIME)
    after = _docker_bytes(platform), _things(platform), _state_bytes(site)
    in_docker, things, in_state = (b - a for a, b in zip(before, after, strict=True))
    name = f"left by {RUNS} runs"
    return [
        Figure(f"{name}: in Docker", in_docker / 1000, "kB", 0),
        Figure(f"{name}: containers, volumes, networks", things, "", 0),
        Figure(
            "the node's folder, more by each run",
            in_state / RUNS / 1000,
            "kB",
            AUDIT_KB,
        ),
    ]


def _docker_bytes(platform: Platform) -> int:
    """As `docker system df` counts: images, containers, volumes."""
    used = platform.engine.df()
    containers = sum(each.get("SizeRw", 0) for each in used["Containers"] or [])
    volumes = sum(each["UsageData"]["Size"] for each in used["Volumes"] or [])
    total: int = used["LayersSize"] + containers + volumes
    return total


def _things(platform: Platform) -> int:
    engine = platform.engine
    own = engine.containers.list(
        all=True,
        filters={"label": "ptm.node"},  # others may use the engine too
        ignore_removed=True,
    )
    return len(own) + len(engine.volumes.list()) + len(engine.networks.list())


def _state_bytes(site: SiteData) -> int:
    """What the disk gives to the folder, in whole blocks.

    But for what SQLite writes ahead: each file of that grows to 4 MB and no further.
    """
    found = [path for path in (site.folder / "state").rglob("*") if path.is_file()]
    kept = [path for path in found if not path.name.endswith("-wal")]
    return sum(path.stat().st_blocks * 512 for path in kept)
