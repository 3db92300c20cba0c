"""What docs/node-protocol.md says, kept in memory.

The rules that a node depends upon: instances, claim numbers, what is held; with those
of fake_runs.py. What a test wants to know is in plain attributes.
"""

import json
import re
import secrets
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.node.fake_http import Problem, Reply
from tests.node.fake_runs import API, TERMINAL, FakeRuns, Json, Run

# Its prefix names the node's containers, and tests of others use the same engine.
KEY = f"ptmn_{secrets.token_hex(6)}_{'k' * 43}"


class FakeProtocol(FakeRuns):
    """Answers requests, however they come; every attribute is guarded by `changed`."""

    def __init__(self) -> None:
        super().__init__()
        self.instance: str | None = None
        self.boot = 0
        self.hellos: list[Json] = []
        self.last_claim = 0
        self.claims: list[Json] = []
        self.heartbeats = 0
        self.goodbyes = 0
        self.enrolments: list[Json] = []
        self.heartbeat_seconds = 20.0
        self.closing = threading.Event()

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(API)
        if (method, path) == ("POST", "enrol/"):
            return self.enrol(json.loads(body))
        if headers.get("Authorization") != f"Node {KEY}":
            raise Problem(401, "not_authenticated")
        if headers.get("PTM-Protocol") != "1":
            raise Problem(426, "protocol_unsupported")
        with self.changed:
            try:
                return self._route(method, path, query, headers, body)
            finally:
                self.changed.notify_all()

    def enrol(self, body: Json) -> Reply:
        with self.changed:
            known = self.enrolments[0] if self.enrolments else body
            if body["code"] != "ptme_good" or known != body:
                raise Problem(403, "enrolment_refused")
            status = 200 if self.enrolments else 201
            self.enrolments.append(body)
        organization = {"id": 3, "name": "Maastro"}
        return Reply(
            status, {"node": 7, "name": body["name"], "organization": organization}
        )

    def _route(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes
    ) -> Reply:
        if (method, path) == ("POST", "hello/"):
            return self._hello(json.loads(body))
        if (method, path) == ("GET", "me/"):
            organization = {"id": 3, "name": "Maastro"}
            whose = {"name": "test", "organization": organization}
            return Reply(200, {"node": 7, **whose, "boot": self.boot})
        if headers.get("PTM-Instance") != self.instance:
            raise Problem(409, "instance_superseded")
        if (method, path) == ("POST", "claim/"):
            return self._claim(json.loads(body), float(query.get("wait", 0)))
        if (method, path) == ("POST", "heartbeat/"):
            return self._heartbeat(json.loads(body))
        if (method, path) == ("POST", "goodbye/"):
            self.goodbyes += 1
            return Reply(204)
        return self._route_run(method, path, query, headers, body)

    def _route_run(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes
    ) -> Reply:
        if match := re.fullmatch(r"uploads/([0-9a-f-]+)/", path):
            return self._upload(method, match[1], headers, body)
        match = re.fullmatch(r"runs/(\d+)/(report|log|result)/", path)
        run = self.runs.get(int(match[1])) if match else None
        if run is None or match is None:
            raise Problem(404, "not_found")
        if match[2] == "report":
            return self._report(run, json.loads(body))
        attempt = int(query["attempt"])
        if match[2] == "log":
            return self._log(run, attempt, headers, body)
        return self._create_upload(run, attempt, headers, body)

    def _hello(self, hello: Json) -> Reply:
        newer = hello["boot"] > self.boot
        same = (hello["boot"], hello["instance"]) == (self.boot, self.instance)
        if not newer and not same:
            raise Problem(409, "instance_superseded")
        self.boot, self.instance = hello["boot"], hello["instance"]
        self.hellos.append(hello)
        return Reply(
            200,
            {
                "node": 7,
                "organization": {"id": 3, "name": "Maastro"},
                "last_claim": self.last_claim,
                "stop": self._reconcile(hello),
                "work": True,
                "heartbeat_seconds": self.heartbeat_seconds,
                "server_version": "0.1.0",
                "collaborations": [{"id": 1, "name": "Breast cancer"}],
            },
        )

    def _reconcile(self, said: Json) -> list[Json]:
        """Queues what is missing, and says which of the held is not wanted."""
        held = {(each["run"], each["attempt"]) for each in said["held"]}
        for run in self.runs.values():
            missing = (run.id, run.attempt) not in held and run.status not in TERMINAL
            if missing and run.claim is not None and run.claim <= said["last_claim"]:
                run.status, run.claim = "queued", None
                run.history.append("missing")
        known = {(run.id, run.attempt): run for run in self.runs.values()}
        stop = []
        for key in sorted(held):
            reason = _unwanted(known.get(key))
            if reason and key[0] not in said.get("stopping", []):
                stop.append({"run": key[0], "attempt": key[1], "reason": reason})
        return stop

    def _claim(self, claim: Json, wait: float) -> Reply:
        number = claim["claim"]
        if number < self.last_claim:
            raise Problem(409, "claim_stale", last_claim=self.last_claim)
        self.claims.append({**claim, "wait": wait})
        if number > self.last_claim:
            self.changed.notify_all()
            until, goodbyes = time.monotonic() + wait, self.goodbyes
            while not self._assign(claim) and not self._stops(claim):
                left = until - time.monotonic()
                if left <= 0 or self.closing.is_set() or self.goodbyes > goodbyes:
                    break
                self.changed.wait(left)
            self.last_claim = number
        runs = [
            {**run.assignment, "attempt": run.attempt}
            for run in self.runs.values()
            if run.claim == number and run.status == "claimed"
        ]
        stop = self._stops(claim)
        return Reply(200, {"claim": number, "runs": runs, "stop": stop})

    def _assign(self, claim: Json) -> bool:
        waiting = [
            run
            for run in self.runs.values()
            if run.status == "queued"
            and run.assignment["image"] not in claim["pulling"]
        ]
        chosen = waiting[: claim["capacity"]]
        for run in chosen:
            run.attempt += 1
            run.claim = claim["claim"]
            self._move(run, "claimed")
        return bool(chosen)

    def _stops(self, claim: Json) -> list[Json]:
        # Only of what is held: this request's number is not in the journal yet.
        return self._reconcile({**claim, "last_claim": -1})

    def _heartbeat(self, said: Json) -> Reply:
        self.heartbeats += 1
        stop = self._reconcile(said)
        work = any(run.status == "queued" for run in self.runs.values())
        return Reply(200, {"work": work, "stop": stop, "last_claim": self.last_claim})


def _unwanted(run: Run | None) -> str | None:
    if run is None:
        return "superseded"
    if run.status == "completed":
        return "finished"
    if run.status in TERMINAL:
        return run.status
    return "cancelled" if run.cancelling else None
