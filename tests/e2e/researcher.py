"""What a researcher's script sees of a task: answers of the REST API, nothing else."""

import json
from typing import Any, Self

import requests

from tools.rig.platform import Platform

Json = dict[str, Any]
WAIT_SECONDS = 20
TERMINAL = {"completed", "failed", "rejected", "withheld", "cancelled", "expired"}


class Researcher:
    """Speaks for one person; sites are called by their organizations' names."""

    def __init__(self, platform: Platform) -> None:
        self.world = platform.world
        self.api = platform.api
        self._images = {
            image.partition("@")[0].rpartition("/")[2]: image
            for image in self.world.images
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.session.close()

    def request(self, *sites: str, image: str = "probe", **fields: Any) -> Json:
        """The body of a task for the sites."""
        organizations = [self.world.organizations[site] for site in sites]
        return {
            "collaboration": self.world.collaboration,
            "organizations": organizations,
            "image": self._images[image],
            "name": f"{fields.get('function')} of {', '.join(sites)}",
            **fields,
        }

    def send(self, function: str, *sites: str, **arguments: Any) -> Json:
        """Send a task of the probe."""
        body = self.request(*sites, function=function, arguments=arguments)
        return self.api.send_task(body)

    def send_summary(self, *sites: str, columns: list[str]) -> Json:
        body = self.request(
            *sites,
            image="summary",
            function="summary",
            arguments={"columns": columns},
            databases=[{"label": "default"}],
        )
        return self.api.send_task(body)

    def cancel(self, task: Json) -> Json:
        answer = self.post(f"tasks/{task['id']}/cancel/")
        assert answer.status_code == 200, answer.text
        cancelled: Json = answer.json()
        return cancelled

    def cancel_what_is_open(self) -> None:
        """Of a failed test: the next one must not meet its tasks."""
        for task in self.api.get("tasks/", status="open").json()["results"]:
            self.cancel(task)

    def post(self, path: str, body: Json | None = None) -> requests.Response:
        url = f"{self.api.root}/{path}"
        return self.api.session.post(url, json=body or {}, timeout=10)

    def ended(self, task: Json) -> list[Json]:
        """The current runs when the task is finished, each with its history."""
        return [self.run(run) for run in self.api.wait_finished(task)["runs"]]

    def ended_run(self, task: Json) -> Json:
        """The same of a task for one site."""
        [run] = self.ended(task)
        return run

    def completed_once(self, task: Json) -> Json:
        """The only run of a nonce: one attempt, one end, one result."""
        run = self.ended_run(task)
        assert (run["status"], run["attempt"]) == ("completed", 1), run
        assert moves(run).count("completed") == 1, run
        assert len(self.result(run)["nonce"]) == 32
        return run

    def until(self, task: Json, *states: str) -> Json:
        """The only run, as soon as it is in one of the states."""
        while True:
            [run] = task["runs"]
            if run["status"] in states:
                return self.run(run)
            assert run["status"] not in TERMINAL, run
            task = self.changed(task)

    def changed(self, task: Json) -> Json:
        """The task as soon as it is not as it was."""
        path, revision = f"tasks/{task['id']}/", task["revision"]
        now: Json = self.api.get(path, wait=WAIT_SECONDS, since=revision).json()
        assert now["revision"] > revision, f"still {task} after {WAIT_SECONDS} s"
        return now

    def task(self, task: Json) -> Json:
        """The task as it is now."""
        now: Json = self.api.get(f"tasks/{task['id']}/").json()
        return now

    def run(self, run: Json) -> Json:
        detail: Json = self.api.get(f"runs/{run['id']}/").json()
        return detail

    def serves(self, node: int) -> bool:
        """Whether the server hears the node, and knows what it offers."""
        shown = self.api.get(f"nodes/{node}/").json()
        return bool(shown["online"] and shown["serves"])

    def log(self, run: Json) -> str:
        return self.api.get(f"runs/{run['id']}/log/").text

    def bytes_of(self, run: Json) -> bytes:
        return self.api.get(f"results/{run['result']}/download/").content

    def result(self, run: Json) -> Json:
        result: Json = json.loads(self.bytes_of(run))
        return result

    def all_of(self, path: str) -> list[Json]:
        """Every page of a list."""
        found: list[Json] = []
        address: str | None = f"{self.api.root}/{path}"
        while address:
            page = self.api.session.get(address, timeout=10).json()
            found += page["results"]
            address = page["next"]
        return found


def site_of(run: Json) -> str:
    return str(run["organization"]["name"])


def moves(run: Json) -> list[str]:
    """The states of its history, oldest first."""
    return [event["new"] for event in run["history"]]
