"""A server in memory that speaks docs/node-protocol.md, and fails on request.

It keeps the rules that a node depends upon: instances, claim numbers, attempts,
terminal states, offsets. What a test wants to know is in plain attributes.
"""

import base64
import hashlib
import json
import re
import secrets
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.node.fake_http import Fault, Http, Problem, Reply, handler
from tests.node.fake_socket import FakeSocket, handshake

# Its prefix names the node's containers, and tests of others use the same engine.
KEY = f"ptmn_{secrets.token_hex(6)}_{'k' * 43}"
TERMINAL = {"completed", "failed", "rejected", "cancelled", "expired"}
ORDER = ["queued", "claimed", "preparing", "running"]
API = "/api/v1/node/"
Json = dict[str, Any]


@dataclass
class Run:
    """One run and everything that the node said about it."""

    id: int
    assignment: Json
    status: str = "queued"
    attempt: int = 0
    claim: int | None = None
    code: str | None = None
    detail: str = ""
    retry: bool | None = None
    cancelling: bool = False
    history: list[str] = field(default_factory=list)
    result: bytes | None = None
    media_type: str = ""
    log: bytearray = field(default_factory=bytearray)


@dataclass
class Upload:
    run: int
    attempt: int
    length: int
    sha256: str
    media_type: str
    data: bytearray = field(default_factory=bytearray)


class FakeServer:
    """Listens on loopback until closed; every attribute is guarded by `changed`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.changed = threading.Condition()
        self.runs: dict[int, Run] = {}
        self.uploads: dict[str, Upload] = {}
        self.instance: str | None = None
        self.boot = 0
        self.hellos: list[Json] = []
        self.last_claim = 0
        self.claims: list[Json] = []
        self.heartbeats = 0
        self.goodbyes = 0
        self.enrolments: list[Json] = []
        self.requests: list[str] = []
        self.connections = 0
        self.faults: list[Fault] = []
        self.sockets: list[FakeSocket] = []
        self.socket_status = 101
        self.heartbeat_seconds = 20.0
        self.closing = threading.Event()
        self._scheme = "https" if tls else "http"
        self._http = Http(("127.0.0.1", 0), handler(self))
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(
            target=self._http.serve_forever, args=(0.01,), daemon=True
        ).start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closing.set()
        with self.changed:
            for fault in self.faults:
                fault.released.set()
            self.changed.notify_all()
        for each in list(self.sockets):
            each.close(1012)
        self._http.shutdown()
        self._http.server_close()
        self._http.close_connections()

    # What a test does.

    def add_run(self, image: str, **changes: Any) -> Run:
        """Queues a run, and wakes the node as the real server does."""
        text = changes.pop("input", b"{}")
        with self.changed:
            number = len(self.runs) + 1
            assignment = {
                "run": number,
                "task": {
                    "id": number,
                    "name": "a task",
                    "purpose": "a test",
                    "collaboration": {"id": 1, "name": "Breast cancer"},
                    "organization": {"id": 2, "name": "elsewhere"},
                    "initiator": {"id": 9, "username": "rosa"},
                },
                "image": image,
                "contract": "ptm",
                "function": "summary",
                "function_type": "partial",
                "databases": [],
                "input": base64.b64encode(text).decode(),
                "input_sha256": hashlib.sha256(text).hexdigest(),
                "deadline_at": "2036-12-22T10:00:00Z",
                **changes,
            }
            run = self.runs[number] = Run(number, assignment)
            self.changed.notify_all()
        self.look()
        return run

    def look(self) -> None:
        for each in list(self.sockets):
            each.send({"type": "look"})

    def cancel(self, run: Run) -> None:
        with self.changed:
            run.cancelling = True
            if run.status == "queued":
                self.end(run, "cancelled")
            self.changed.notify_all()
        self.look()

    def fail(
        self,
        pattern: str,
        action: str,
        *,
        times: int = 1,
        code: str = "",
        **headers: str,
    ) -> Fault:
        """Arranges a fault for requests whose "METHOD path" matches."""
        status = int(action) if action.isdecimal() else 0
        fault = Fault(
            re.compile(pattern),
            "status" if status else action,
            status,
            code,
            {name.replace("_", "-"): value for name, value in headers.items()},
            times,
        )
        with self.changed:
            self.faults.append(fault)
        return fault

    def wait(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Returns as soon as the condition holds; fails the test if it never does."""
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                states = {
                    r.id: (r.status, r.code, r.history) for r in self.runs.values()
                }
                raise AssertionError(f"still waiting; runs: {states}")

    def wait_status(self, run: Run, *statuses: str, seconds: float = 30.0) -> None:
        """Fails at once if the run has ended in another way."""
        self.wait(lambda: run.status in {*statuses, *TERMINAL}, seconds)
        assert run.status in statuses, f"{run.status}: {run.code} {run.detail}"

    def count(self, pattern: str) -> int:
        """How many requests arrived that match."""
        with self.changed:
            return sum(bool(re.search(pattern, each)) for each in self.requests)

    # What the protocol says.

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
        return self._create_upload(run, attempt, headers)

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
        waiting = [run for run in self.runs.values() if run.status == "queued"]
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

    def _report(self, run: Run, report: Json) -> Reply:
        status = report["status"]
        self._fence(run, report["attempt"])
        if run.status in TERMINAL:
            if run.status != status:
                raise Problem(409, "run_terminal")
        elif status == "queued":
            run.claim, run.code = None, report["code"]
            self._move(run, "queued")
        elif status in TERMINAL:
            run.code, run.detail = report.get("code"), report.get("detail", "")
            run.retry = report.get("retry")
            self.end(run, status)
        elif ORDER.index(status) > ORDER.index(run.status):
            self._move(run, status)
        stop = run.cancelling and run.status not in TERMINAL
        answer = {"run": run.id, "attempt": run.attempt, "status": run.status}
        return Reply(200, {**answer, "stop": stop})

    def _log(self, run: Run, attempt: int, headers: Any, body: bytes) -> Reply:
        self._fence(run, attempt)
        at = {"Upload-Offset": str(len(run.log))}
        if int(headers["Upload-Offset"]) != len(run.log):
            raise Problem(409, "offset_conflict", at)
        if len(run.log) + len(body) > 1 << 20:
            raise Problem(413, "log_full")
        run.log += body
        return Reply(204, headers={"Upload-Offset": str(len(run.log))})

    def _create_upload(self, run: Run, attempt: int, headers: Any) -> Reply:
        self._fence(run, attempt)
        if run.cancelling:
            raise Problem(409, "run_cancelled")
        said = dict(part.split(" ") for part in headers["Upload-Metadata"].split(","))
        sha256, media_type = (
            base64.b64decode(said[name]).decode() for name in ("sha256", "media_type")
        )
        length = int(headers["Upload-Length"])
        for name, upload in self.uploads.items():
            if (upload.run, upload.attempt, upload.sha256) == (run.id, attempt, sha256):
                return Reply(201, headers={"Location": f"{API}uploads/{name}/"})
        if run.status in TERMINAL:
            raise Problem(409, "run_terminal")
        name = str(uuid.uuid4())
        self.uploads[name] = Upload(run.id, attempt, length, sha256, media_type)
        return Reply(201, headers={"Location": f"{API}uploads/{name}/"})

    def _upload(self, method: str, name: str, headers: Any, body: bytes) -> Reply:
        upload = self.uploads.get(name)
        if upload is None:
            raise Problem(404, "not_found")
        if method == "HEAD":
            return Reply(200, headers={"Upload-Offset": str(len(upload.data))})
        run = self.runs[upload.run]
        self._fence(run, upload.attempt)
        if run.cancelling:
            raise Problem(409, "run_cancelled")
        if int(headers["Upload-Offset"]) != len(upload.data):
            at = {"Upload-Offset": str(len(upload.data))}
            raise Problem(409, "offset_conflict", at)
        upload.data += body
        if len(upload.data) == upload.length:
            if hashlib.sha256(upload.data).hexdigest() != upload.sha256:
                del self.uploads[name]
                raise Problem(422, "checksum_mismatch")
            run.result, run.media_type = bytes(upload.data), upload.media_type
            self.end(run, "completed")
        return Reply(204, headers={"Upload-Offset": str(len(upload.data))})

    def _fence(self, run: Run, attempt: int) -> None:
        if attempt != run.attempt:
            raise Problem(409, "attempt_stale")

    def end(self, run: Run, status: str) -> None:
        self._move(run, status)
        run.claim = None

    def _move(self, run: Run, status: str) -> None:
        run.status = status
        run.history.append(status)

    # Faults and sockets.

    def note_connection(self) -> None:
        with self.changed:
            self.connections += 1

    def note_request(self, line: str) -> Fault | None:
        """Counts a request, and says what is to go wrong with it."""
        with self.changed:
            self.requests.append(line)
            fault = next(
                (f for f in self.faults if f.met < f.times and f.pattern.search(line)),
                None,
            )
            if fault is not None:
                fault.met += 1
            self.changed.notify_all()
        return fault

    def adopt_socket(self, connection: socket.socket, headers: Any) -> None:
        """Turns a connection into a socket, and serves it until it ends."""
        if headers.get("Authorization") != f"Node {KEY}":
            self.socket_status = 401
        each = handshake(connection, headers)
        with self.changed:
            self.sockets.append(each)
            self.changed.notify_all()
        each.serve()
        with self.changed:
            self.sockets.remove(each)
            self.changed.notify_all()


def _unwanted(run: Run | None) -> str | None:
    if run is None:
        return "superseded"
    if run.status == "completed":
        return "finished"
    if run.status in TERMINAL:
        return run.status
    return "cancelled" if run.cancelling else None
