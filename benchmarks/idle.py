"""Speaks for many idle nodes at once: `python -m benchmarks.idle`.

Does for each what an idle `ptm-node` does: a hello, a socket, and over a connection of
its own a heartbeat every 20 s, and a claim every 30 s and at each hint. The first line
that it reads is JSON, and says where the server is and what speaks for whom; it answers
with the seconds until all were connected. Each later line is a number of wake-ups.
"""

import asyncio
import contextlib
import json
import random
import resource
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
from ptm_node.clock import Clock
from ptm_node.messages import (
    Announcement,
    Claim,
    Claimed,
    Code,
    Head,
    Heartbeat,
    Hello,
    Offer,
    OfferedDatabase,
    Report,
    Status,
)
from ptm_node.transport import PROTOCOL
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BEAT_SECONDS, LOOK_SECONDS, PING_SECONDS = 20.0, 30.0, 20.0
HEARD_SECONDS = 30.0
# As long as the server keeps it, so that each node has one all the time.
KEPT_SECONDS = 75.0
HEAD = Head(1, "0" * 64)
# Failures, of which there should be none: a figure is only worth something then.
failures: list[str] = []


class IdleNode:
    def __init__(self, server: str, known: dict[str, Any]) -> None:
        self.site, self.collaboration = known["site"], known["collaboration"]
        self.instance = str(uuid.uuid4())
        self.signed = {
            "Authorization": f"Node {known['key']}",
            "PTM-Instance": self.instance,
            "PTM-Protocol": PROTOCOL,
        }
        self.address = f"{server.replace('http', 'ws', 1)}/ws/node/"
        self.http = aiohttp.ClientSession(
            f"{server}/api/v1/node/",
            headers={**self.signed, "Content-Type": "application/json"},
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=KEPT_SECONDS),
        )
        self.last_claim = 0
        self.socket: ClientConnection | None = None
        self.connected = asyncio.Event()
        self.woken = asyncio.Event()
        self.hint: asyncio.Future[float] | None = None

    async def live(self) -> None:
        await insist(self.hello)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.listen())
            group.create_task(self.look())
            group.create_task(self.beat())

    async def leave(self) -> None:
        if self.socket is not None:
            await self.socket.close()
        await self.http.close()

    async def hello(self) -> None:
        offer = Offer(self.collaboration, [OfferedDatabase("default", "csv")])
        announced = Announcement([offer], ["ptm"], "docker 28.2", 4)
        boot = int(time.time() * 1000)
        await self.post("hello/", Hello(self.instance, boot, "0.1.0", 0, [], announced))

    async def listen(self) -> None:
        async for socket in connect(
            self.address,
            additional_headers=self.signed,
            compression=None,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
        ):
            self.socket = socket
            with contextlib.suppress(ConnectionClosed):
                async for _ in socket:
                    self.hear()
            failures.append("a socket was closed")

    def hear(self) -> None:
        self.connected.set()
        self.woken.set()
        if self.hint is not None and not self.hint.done():
            self.hint.set_result(time.time())

    async def look(self) -> None:
        while True:
            self.woken.clear()
            await insist(self.claim)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(Clock().spread(LOOK_SECONDS)):
                    await self.woken.wait()

    async def claim(self) -> None:
        """Whoever works is not idle: what there is is refused."""
        claim = Claim(self.last_claim + 1, 4, [], [], [])
        answer = await self.post("claim/", claim)
        self.last_claim += 1
        for run in msgspec.json.decode(answer, type=Claimed).runs:
            refusal = Report(run.attempt, Status.REJECTED, Code.POLICY_REFUSED)
            await self.post(f"runs/{run.run}/report/", refusal)

    async def beat(self) -> None:
        # As if they had started at different times: by their jitter alone they would
        # need minutes until they no longer speak all at once.
        await asyncio.sleep(random.uniform(0, BEAT_SECONDS))  # noqa: S311
        while True:
            await insist(self.heartbeat)
            await asyncio.sleep(Clock().spread(BEAT_SECONDS))

    async def heartbeat(self) -> None:
        await self.post("heartbeat/", Heartbeat(self.last_claim, [], [], HEAD))

    async def post(self, path: str, message: msgspec.Struct) -> bytes:
        body = msgspec.json.encode(message)
        async with self.http.post(path, data=body) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise aiohttp.ClientError(f"{path} answered {answer.status}")
            return content

    async def echo(self) -> float:
        """Milliseconds until the server has answered a ping over the socket."""
        assert self.socket is not None  # noqa: S101 (it is connected)
        start = time.perf_counter()
        await (await self.socket.ping())
        return (time.perf_counter() - start) * 1000

    async def wake(self, send: Callable[[int, int], Awaitable[float]]) -> float:
        """Milliseconds from the creation of a task for the site to its hint here."""
        self.hint = asyncio.get_running_loop().create_future()
        created = await send(self.collaboration, self.site)
        async with asyncio.timeout(HEARD_SECONDS):
            return (await self.hint - created) * 1000


async def insist(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await act()
        except (aiohttp.ClientError, TimeoutError) as error:
            failures.append(str(error))
            await asyncio.sleep(Clock().spread(1))


class Researcher:
    def __init__(self, server: str, token: str, image: str) -> None:
        self.image = image
        self.http = aiohttp.ClientSession(
            f"{server}/api/v1/", headers={"Authorization": f"Bearer {token}"}
        )

    async def send(self, collaboration: int, site: int) -> float:
        """Send a task; return when the server created it (they have one clock)."""
        body = {
            "collaboration": collaboration,
            "organizations": [site],
            "image": self.image,
            "function": "summary",
            "arguments": {"columns": ["age"]},
            "databases": [{"label": "default"}],
            "name": "benchmark",
        }
        async with self.http.post("tasks/", json=body) as answer:
            created: str = (await answer.json())["created_at"]
            return datetime.fromisoformat(created).timestamp()


async def main() -> None:
    known = json.loads(sys.stdin.readline())
    server = known["server"]
    nodes = [IdleNode(server, each) for each in known["nodes"]]
    researcher = Researcher(server, known["token"], known["image"])
    start = time.perf_counter()
    # If one of them fails, all end, and whoever asks is told.
    async with asyncio.TaskGroup() as group:
        living = [group.create_task(node.live()) for node in nodes]
        for node in nodes:
            await node.connected.wait()
        say({"seconds": time.perf_counter() - start, "failures": failures})
        while line := await asyncio.to_thread(sys.stdin.readline):
            awake = random.sample(nodes, int(line))
            echoes = [await node.echo() for node in awake]
            wakes = [await node.wake(researcher.send) for node in awake]
            say({"echo": echoes, "wake": wakes, "failures": failures})
        for each in living:
            each.cancel()
    await asyncio.gather(*(node.leave() for node in nodes), researcher.http.close())


def say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main())
