"""From sending a task to seeing its result, beside a bare `docker run`; and what the
sandbox adds to that.
"""

import subprocess
import time

from benchmarks.figures import Figure, percentile
from tools.rig.platform import Platform
from tools.rig.research import Api, Json

ROUNDS = 30
WARM_UP = 3
AIM = 1.5
SANDBOX_AIM_MS = 50

# What the node gives every container: see ptm_node/runtimes.
SANDBOX = (
    *("--network", "none", "--read-only", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--user", "65534:65534"),
    *("--pids-limit", "128", "--memory", "2g", "--memory-swap", "2g", "--cpus", "1"),
    *("--tmpfs", "/tmp:size=256m", "--init"),  # noqa: S108 (inside the container)
    *("--log-driver", "json-file", "--log-opt", "max-size=1m"),
)
# The quickest that Docker has: what the sandbox takes away beyond it.
NO_NETWORK = ("--network", "none")


def measure_latency(platform: Platform, image: str) -> list[Figure]:
    """Return p50 and p95 of both, taken in turns, and the ratio of the medians."""
    api = platform.api
    found: tuple[list[float], ...] = ([], [], [])
    for number in range(WARM_UP + ROUNDS):
        seconds = (
            _submit_to_result(api, platform, image),
            docker_run(image, SANDBOX),
            docker_run(image, NO_NETWORK),
        )
        if number >= WARM_UP:
            for values, value in zip(found, seconds, strict=True):
                values.append(value)
    ours, bare, open_wide = found
    ratio = percentile(ours, 0.5) / percentile(bare, 0.5)
    cost = percentile(bare, 0.5) - percentile(open_wide, 0.5)
    return [
        Figure("submit → result, p50", percentile(ours, 0.5) * 1000, "ms"),
        Figure("submit → result, p95", percentile(ours, 0.95) * 1000, "ms"),
        Figure("docker run --rm, p50", percentile(bare, 0.5) * 1000, "ms"),
        Figure("docker run --rm, p95", percentile(bare, 0.95) * 1000, "ms"),
        Figure("submit → result ÷ docker run", ratio, "×", AIM),
        Figure("the sandbox, a run", cost * 1000, "ms", SANDBOX_AIM_MS),
    ]


def noop(platform: Platform, image: str) -> Json:
    """The body of a task that does nothing, at every site."""
    return {
        "collaboration": platform.world.collaboration,
        "organizations": list(platform.world.organizations.values()),
        "image": image,
        "function": "noop",
        "name": "benchmark",
    }


def _submit_to_result(api: Api, platform: Platform, image: str) -> float:
    """Seconds until the public wait endpoint shows a client the result."""
    start = time.perf_counter()
    task = api.send_task(noop(platform, image))
    done = api.wait_finished(task)
    seconds = time.perf_counter() - start
    (run,) = done["runs"]
    if run["status"] != "completed" or run["result"] is None:
        raise RuntimeError(f"The benchmark's run is {run['status']}: {run['code']}")
    return seconds


def docker_run(image: str, options: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            *options,
            "--env",
            "OUTPUT_FILE=/dev/null",
            image,
        ],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start
