"""Runs per second of one node, beside `docker run` of the same image in the same
sandbox, as many at a time; and what the node's memory comes to meanwhile.
"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.latency import SANDBOX, docker_run, noop
from benchmarks.turns import medians
from tools.rig.errors import RigError
from tools.rig.node import CLIENT
from tools.rig.platform import Platform, SiteData

AT_ONCE = 8
RUNS = 50
TURNS = 4
AIM = 0.9
MEMORY_AIM_MB = 80


def measure_throughput(platform: Platform, site: SiteData, image: str) -> list[Figure]:
    """Return both rates, taken in turns, their ratio, and the node's peak memory."""
    ours, bare = medians(
        [
            lambda: [RUNS / seconds_of_runs(platform, site, image, RUNS)],
            lambda: [RUNS / _seconds_of_containers(image, RUNS)],
        ],
        TURNS,
    )
    peak = _peak_mb(platform.nodes[site.name].pid)
    return [
        Figure(f"runs per second, {AT_ONCE} at once", ours, "/s"),
        Figure(f"docker run --rm per second, {AT_ONCE} at once", bare, "/s"),
        Figure("runs ÷ docker run, per second", ours / bare, "×", floor=AIM),
        Figure(f"node, peak over {TURNS * RUNS} runs", peak, "MB", MEMORY_AIM_MB),
    ]


def seconds_of_runs(
    platform: Platform, site: SiteData, image: str, count: int
) -> float:
    """From the claim of the first of so many queued runs to the end of the last."""
    api = platform.api
    _tell_node(site, "pause")
    tasks = [api.send_task(noop(platform, image)) for _ in range(count)]
    _tell_node(site, "resume")
    # The newest is the last to end, or nearly so: hardly anything is asked meanwhile.
    ended = [api.wait_finished(task) for task in reversed(tasks)]
    runs = [run for task in ended for run in task["runs"]]
    if failed := [run for run in runs if run["status"] != "completed"]:
        run = failed[0]
        raise RigError(f"A run is {run['status']}: {run['code']} {run['detail']}")
    oldest = api.get(f"runs/{runs[-1]['id']}/").json()
    claimed = _moment(oldest["history"][0]["at"])
    return max(_moment(task["finished_at"]) for task in ended) - claimed


def _seconds_of_containers(image: str, count: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: docker_run(image, SANDBOX), range(count)))
    return time.perf_counter() - start


def _tell_node(site: SiteData, word: str) -> None:
    command = [*CLIENT, word, "--config", str(site.folder / "node.toml")]
    subprocess.run(command, check=True, capture_output=True)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _peak_mb(pid: int) -> float:
    """The largest resident set that the process ever had, in MB (10^6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024 / 1e6
