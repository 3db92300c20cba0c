"""How fast results go in and out, beside curl to nginx in the same minutes; and what
other users of the API notice of it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, percentile
from benchmarks.load import Connection
from benchmarks.turns import Measure, medians
from tools.rig.errors import RigError
from tools.rig.folders import ROOT
from tools.rig.nginx import Nginx
from tools.rig.node import enrol
from tools.rig.platform import Platform
from tools.rig.process import free_port
from tools.rig.server import Server
from tools.rig.world import Wanted

SITE = "Site West"
# Requests are counted as ever, and none of ours is one too many.
UNLIMITED = {"PTM_REQUESTS_A_MINUTE": str(10**9)}
SIZE = 256 << 20
TURNS = 5
FLOOR = 0.5
REQUESTS = 10  # of another user, before it is asked whether the transfer goes on
WARM_UP = 20
LIST = "/api/v1/tasks/?page_size=10"
Sender = subprocess.Popen[str]


class Transfers:
    """A server with a sender at its only site, and nginx beside it."""

    def __init__(self, platform: Platform, nginx: Nginx, sender: Sender) -> None:
        self.platform = platform
        self.nginx = nginx
        self.sender = sender
        self._next_line()

    def connection(self) -> Connection:
        token = self.platform.world.token
        port = self.platform.server.port
        return Connection(port, {"Authorization": f"Bearer {token}"})

    def upload(self) -> list[float]:
        """Seconds that a result of a new task took to the server."""
        world = self.platform.world
        self.platform.api.send_task(
            {
                "collaboration": world.collaboration,
                "organizations": list(world.organizations.values()),
                "image": world.images[0],
                "function": "noop",
                "name": "benchmark",
            }
        )
        print(file=self.sender.stdin, flush=True)
        return [float(self._next_line())]

    def download(self) -> list[float]:
        """Seconds that the newest result took to a reader."""
        newest = self.platform.api.get("results/").json()["results"][0]["id"]
        address = f"{self.platform.server.url}/api/v1/results/{newest}/download/"
        token = self.platform.world.token
        return [curl(address, header=f"Authorization: Bearer {token}")]

    def put(self) -> list[float]:
        """Seconds that the bytes of the newest result took to nginx."""
        sent = str(self.platform.folder / "result")
        return [curl(f"{self.nginx.url}/result", "--upload-file", sent)]

    def get(self) -> list[float]:
        return [curl(f"{self.nginx.url}/result")]

    def _next_line(self) -> str:
        line = self.sender.stdout.readline() if self.sender.stdout else ""
        if not line:
            raise RigError("The benchmark's sender of results ended.")
        return line


@contextmanager
def standing_transfers(
    beside: Platform, images: list[tuple[str, str]], folder: Path
) -> Iterator[Transfers]:
    """On a server of its own, with the images of the platform's registry."""
    server = Server(folder / "server", free_port(), UNLIMITED)
    with Platform(folder, beside.engine, beside.registry, server) as platform:
        platform.start_server(Wanted("Transfers", [SITE], images))
        world = platform.world
        enrol(folder, server=server.url, code=world.codes[SITE], name=SITE)
        module = [sys.executable, "-m", "benchmarks.sender"]
        with (
            Nginx(folder / "nginx", free_port()) as nginx,
            subprocess.Popen(
                [*module, server.url, folder, str(world.collaboration), str(SIZE)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as sender,
        ):
            yield Transfers(platform, nginx, sender)


def curl(address: str, *options: str, header: str = "") -> float:
    """The seconds that it says it took."""
    silent = ("--silent", "--show-error", "--fail", "--output", "/dev/null")
    done = subprocess.run(
        ["curl", *silent, "--write-out", "%{time_total}", *options, "-K", "-", address],
        input=f'header = "{header}"\n' if header else "",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RigError(f"curl: {done.stderr.strip()}.")
    return float(done.stdout)


def measure_transfer(
    beside: Platform, images: list[tuple[str, str]], folder: Path
) -> list[Figure]:
    with standing_transfers(beside, images, folder) as transfers:
        transfers.upload()
        ways = (transfers.upload, transfers.put, transfers.download, transfers.get)
        seconds = medians(ways, TURNS)
        with transfers.connection() as link:
            others = others_p95(transfers, link)
    sent, put, received, got = (SIZE / 1e6 / each for each in seconds)
    return [
        Figure("upload, node → server", sent, "MB/s"),
        Figure("upload, curl → nginx", put, "MB/s"),
        Figure("upload, server ÷ nginx", sent / put, "×", floor=FLOOR),
        Figure("download, server → curl", received, "MB/s"),
        Figure("download, nginx → curl", got, "MB/s"),
        Figure("download, server ÷ nginx", received / got, "×", floor=FLOOR),
        *others,
    ]


def others_p95(transfers: Transfers, link: Connection) -> list[Figure]:
    """Of another user's list of tasks: alone, and while a result moves."""
    link.milliseconds(LIST, WARM_UP)
    ask = partial(link.milliseconds, LIST, REQUESTS)
    busy: dict[str, Callable[[], object]] = {
        "during an upload": transfers.upload,
        "during a download": transfers.download,
    }
    found: dict[str, list[float]] = {"alone": [], **{name: [] for name in busy}}
    for _ in range(TURNS):
        found["alone"] += [each for _ in range(REQUESTS) for each in ask()]
        for name, work in busy.items():
            found[name] += while_busy(work, ask)
    return [
        Figure(f"list of tasks {name}, p95", percentile(values, 0.95), "ms")
        for name, values in found.items()
    ]


def while_busy(work: Callable[[], object], ask: Measure) -> list[float]:
    """What is found by asking again and again until the work is done."""
    found: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        while not working.done():
            found += ask()
        working.result()
    return found
