"""From sending a task to seeing its result, beside a bare `docker run`."""

import subprocess
import time

from benchmarks.figures import Figure, percentile
from tools.rig.platform import Platform
from tools.rig.research import Api

ROUNDS = 30
WARM_UP = 3
AIM = 1.5

# What the node gives every container: see ptm_node/runtimes.
SANDBOX = (
    *("--network", "none", "--read-only", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--user", "65534:65534"),
    *("--pids-limit", "128", "--memory", "2g", "--memory-swap", "2g", "--cpus", "1"),
    *("--tmpfs", "/tmp:size=256m", "--init"),  # noqa: S108 (inside the container)
    *("--log-driver", "json-file", "--log-opt", "max-size=1m"),
)


def measure_latency(platform: Platform, image: str) -> list[Figure]:
    """Return p50 and p95 of both, taken in turns, and the ratio of the medians."""
    api = platform.api
    ours, bare = [], []
    for number in range(WARM_UP + ROUNDS):
        seconds = (_submit_to_result(api, platform, image), _docker_run(image))
        if number >= WARM_UP:
            ours.append(seconds[0])
            bare.append(seconds[1])
    ratio = percentile(ours, 0.5) / percentile(bare, 0.5)
    return [
        Figure("submit → result, p50", percentile(ours, 0.5) * 1000, "ms"),
        Figure("submit → result, p95", percentile(ours, 0.95) * 1000, "ms"),
        Figure("docker run --rm, p50", percentile(bare, 0.5) * 1000, "ms"),
        Figure("docker run --rm, p95", percentile(bare, 0.95) * 1000, "ms"),
        Figure("submit → result ÷ docker run", ratio, "×", AIM),
    ]


def _submit_to_result(api: Api, platform: Platform, image: str) -> float:
    """Seconds until the public wait endpoint shows a client the result."""
    world = platform.world
    start = time.perf_counter()
    task = api.send_task(
        {
            "collaboration": world.collaboration,
            "organizations": list(world.organizations.values()),
            "image": image,
            "function": "noop",
            "name": "benchmark",
        }
    )
    done = api.wait_finished(task)
    seconds = time.perf_counter() - start
    (run,) = done["runs"]
    if run["status"] != "completed" or run["result"] is None:
        raise RuntimeError(f"The benchmark's run is {run['status']}: {run['code']}")
    return seconds


def _docker_run(image: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            *SANDBOX,
            "--env",
            "OUTPUT_FILE=/dev/null",
            image,
        ],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start
