"""A server on loopback that speaks docs/node-protocol.md, and fails on request."""

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from tests.node.fake_http import Fault, Http, handler
from tests.node.fake_protocol import KEY, FakeProtocol
from tests.node.fake_runs import TERMINAL, Run
from tests.node.fake_socket import FakeSocket, handshake


class FakeServer(FakeProtocol):
    """Listens until closed; every attribute is guarded by `changed`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.connections = 0
        self.faults: list[Fault] = []
        self.sockets: list[FakeSocket] = []
        self.socket_status = 101
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
                "function": _called(text),
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

    def wait_status(self, run: Run, *statuses: str, seconds: float = 30.0) -> Run:
        """The run itself; fails at once if it has ended in another way."""
        self.wait(lambda: run.status in {*statuses, *TERMINAL}, seconds)
        assert run.status in statuses, f"{run.status}: {run.code} {run.detail}"
        return run

    def count(self, pattern: str) -> int:
        """How many requests arrived that match."""
        with self.changed:
            return sum(bool(re.search(pattern, each)) for each in self.requests)

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


def _called(text: bytes) -> str:
    """The function that the input names, as the real server writes both alike."""
    try:
        said = json.loads(text)
    except ValueError:
        return "summary"
    return str(said.get("method", "summary")) if isinstance(said, dict) else "summary"
