"""The tasks that a recipe has sent, as a researcher's script follows them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from tools.rig.platform import Platform
from tools.rig.research import Json

ASK_SECONDS = 2
AGAIN_SECONDS = 0.2


class Sent:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.tasks: list[int] = []

    def send(self, organizations: Sequence[int], arguments: Mapping[str, Any]) -> None:
        """One task for these organizations, which runs the drills' image."""
        world, api = self._platform.world, self._platform.api
        task = api.send_task(
            {
                "collaboration": world.collaboration,
                "organizations": list(organizations),
                "image": world.images[0],
                "function": "nonce",
                "arguments": dict(arguments),
                "name": "A drill",
            }
        )
        self.tasks.append(task["id"])
        api.session.close()

    def runs(self) -> list[Json]:
        """The current runs."""
        api = self._platform.api
        tasks = [api.get(f"tasks/{task}/").json() for task in self.tasks]
        api.session.close()
        return [run for task in tasks for run in task["runs"]]

    def unfinished(self, seconds: float) -> list[int]:
        """The tasks that are not finished within the time."""
        deadline = time.monotonic() + seconds
        api = self._platform.api
        left = list(self.tasks)
        while left and time.monotonic() < deadline:
            try:
                task = api.get(f"tasks/{left[0]}/", wait=ASK_SECONDS).json()
            except requests.RequestException:
                time.sleep(AGAIN_SECONDS)  # nothing tells when it will answer
                continue
            if task["status"] == "finished":
                left.pop(0)
        api.session.close()
        return left
