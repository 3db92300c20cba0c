"""What a researcher's script does: send a task, follow it, fetch the results."""

import json
from collections.abc import Callable
from typing import Any

import requests

from tools.rig.errors import RigError

Json = dict[str, Any]
WAIT_SECONDS = 25
SEND_SECONDS = 60  # a server with very many nodes may have other things to do first


class Api:
    """The REST API with one person's token."""

    def __init__(self, server: str, token: str) -> None:
        self.root = f"{server}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: object) -> requests.Response:
        params = {name: str(value) for name, value in query.items()}
        answer = self.session.get(
            f"{self.root}/{path}", params=params, timeout=WAIT_SECONDS + 10
        )
        answer.raise_for_status()
        return answer

    def send_task(self, body: Json) -> Json:
        answer = self.session.post(
            f"{self.root}/tasks/", json=body, timeout=SEND_SECONDS
        )
        if answer.status_code != 201:
            raise RigError(f"The task was refused: {answer.text}")
        task: Json = answer.json()
        return task

    def follow(self, task: Json, show: Callable[[Json], None]) -> Json:
        """Show every change until the task is finished; return it as it is then."""
        show(task)
        while task["status"] != "finished":
            path = f"tasks/{task['id']}/"
            task = self.get(path, wait=WAIT_SECONDS, since=task["revision"]).json()
            show(task)
        return task

    def wait_finished(self, task: Json) -> Json:
        """Return the task when it is finished: the server answers no sooner."""
        while task["status"] != "finished":
            task = self.get(f"tasks/{task['id']}/", wait=WAIT_SECONDS).json()
        return task

    def results(self, task: Json) -> dict[str, Json]:
        """Return each site's result."""
        found = self.get("results/", task=task["id"], current="true").json()["results"]
        return {
            result["organization"]["name"]: json.loads(
                self.get(f"results/{result['id']}/download/").content
            )
            for result in found
        }
