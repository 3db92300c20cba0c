"""The wire of the fake server: HTTP on loopback, and what goes wrong on it."""

import json
import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match.

    `action`: drop (never arrives), lose (the answer gets lost), twice (arrives
    twice), hang (never arrives, and nobody says so), stall (arrives, and its answer
    waits), or a status with an optional code.
    """

    pattern: re.Pattern[str]
    action: str
    status: int = 0
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    met: int = 0
    released: threading.Event = field(default_factory=threading.Event)


class Problem(Exception):
    def __init__(
        self, status: int, code: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(code)
        self.status = status
        self.headers = headers or {}
        self.body = {"type": "about:blank", "status": status, "code": code, **more}
        self.body.setdefault("detail", f"the fake server says {code}")


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Served(Protocol):
    """What answers the requests."""

    socket_status: int

    def note_connection(self) -> None: ...
    def note_request(self, line: str) -> Fault | None: ...
    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Reply: ...
    def adopt_socket(self, connection: socket.socket, headers: Any) -> None: ...


class Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self.open):
            _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a connection that a test has cut


def handler(server: Served) -> type[BaseHTTPRequestHandler]:  # noqa: C901
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.note_connection()

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            fault = server.note_request(f"{self.command} {self.path}")
            if fault is None:
                self._answer(self._reply(body))
            else:
                self._misbehave(fault, body)

        do_GET = do_POST = do_PATCH = do_HEAD = _serve  # noqa: N815

        def _misbehave(self, fault: Fault, body: bytes) -> None:
            match fault.action:
                case "drop":
                    self._cut()
                case "lose":
                    self._reply(body)
                    self._cut()
                case "twice":
                    self._reply(body)
                    self._answer(self._reply(body))
                case "hang":
                    fault.released.wait()
                    self._cut()
                case "stall":
                    reply = self._reply(body)
                    fault.released.wait()
                    self._answer(reply)
                case _:
                    problem = {
                        "status": fault.status,
                        "code": fault.code,
                        "detail": "no",
                    }
                    answer = problem if fault.code else "a proxy's page"
                    self._answer(Reply(fault.status, answer, fault.headers))

        def _reply(self, body: bytes) -> Reply:
            if self.path.startswith("/ws/"):
                return self._socket()
            try:
                return server.handle(self.command, self.path, self.headers, body)
            except Problem as problem:
                return Reply(problem.status, problem.body, problem.headers)

        def _socket(self) -> Reply:
            if server.socket_status != 101:
                return Reply(server.socket_status, "no sockets here")
            server.adopt_socket(self.connection, self.headers)
            self.close_connection = True
            return Reply(0)

        def _answer(self, reply: Reply) -> None:
            if not reply.status:
                return
            content = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _cut(self) -> None:
            self.close_connection = True
            _cut(self.connection)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
