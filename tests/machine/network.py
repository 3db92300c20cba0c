"""Every message on its way between the nodes and the server, until something is done.

A request may arrive, late, again, or never; its answer may get lost on its own.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.test import Client
from ptm_node.errors import Trouble
from ptm_node.messages import Key
from ptm_node.transport import Answer, Transport
from requests.structures import CaseInsensitiveDict

from tests.machine.turns import Turns

REMEMBERED = 40
PREPARING = "preparing"


@dataclass(eq=False)
class Message:
    """A request, and its answer once the server has given one."""

    sender: Any
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer: Answer | None = None
    # Whether the sender still waits for the answer.
    awaited: bool = True
    told: Answer | None = None

    @property
    def report(self) -> tuple[Key, str] | None:
        """The attempt that it is about, and the state that it reports."""
        if not self.path.endswith("/report/"):
            return None
        said = json.loads(self.body)
        return Key(int(self.path.split("/")[-3]), said["attempt"]), said["status"]

    @property
    def confirmed(self) -> Key | None:
        """The attempt that may start, if this is the server's yes to it."""
        report, told = self.report, self.told
        if report is None or told is None or told.status != 200:
            return None
        key, status = report
        return key if status == PREPARING and not told.decode(dict)["stop"] else None


@dataclass
class Network:
    turns: Turns
    # Oldest first: those that are awaited, and all that were sent lately.
    pending: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    # What nodes ever reported of an attempt, whether it arrived or not.
    reported: defaultdict[Key, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    server: Client = field(default_factory=Client)

    # What a node does.

    def ask(self, message: Message, patience: float) -> Answer:
        self.pending.append(message)
        self.sent = [*self.sent, message][-REMEMBERED:]
        if message.report is not None:
            key, status = message.report
            self.reported[key].add(status)
        try:
            self.turns.wait(lambda: not message.awaited, patience)
        finally:
            self._forget(message)
        if message.told is None:
            raise Trouble("no answer (lost)")
        return message.told

    # What the machine does.

    def deliver(self, message: Message) -> None:
        """At the real views, perhaps not for the first time; the first answer counts.

        What the views do not catch fails the test.
        """
        response = self.server.generic(
            message.method,
            message.path,
            message.body,
            content_type=message.headers.get("Content-Type", ""),
            headers=message.headers,
        )
        headers = CaseInsensitiveDict(response.items())
        answer = Answer(response.status_code, headers, response.content)
        message.answer = message.answer or answer

    def hand_back(self, message: Message) -> None:
        message.told, message.awaited = message.answer, False
        if message.confirmed is not None:
            message.sender.confirmed.add(message.confirmed)

    def lose(self, message: Message) -> None:
        """The sender hears nothing; the request itself may yet arrive."""
        self._forget(message)

    def exchange(self, message: Message) -> None:
        if message.answer is None:
            self.deliver(message)
        self.hand_back(message)

    def forget_sender(self, sender: object) -> None:
        for message in [m for m in self.pending if m.sender is sender]:
            self._forget(message)

    def _forget(self, message: Message) -> None:
        message.awaited = False
        if message in self.pending:
            self.pending.remove(message)


class _Wire(Transport):
    """The node's own, down to where it would open a connection."""

    def __init__(self, network: Network, server: Any, headers: dict[str, str]) -> None:
        super().__init__(server, headers)
        self._network = network
        self._headers = {**headers, "PTM-Protocol": "1"}

    def _exchange(
        self, method: str, address: str, body: Any, headers: Any, patience: float
    ) -> Answer:
        content = body.read() if hasattr(body, "read") else body or b""
        parts = urlsplit(address)
        message = Message(
            self._network.turns.owner,
            method,
            urlunsplit(parts._replace(scheme="", netloc="")),
            {**self._headers, **(headers or {})},
            content,
        )
        return self._network.ask(message, patience)


class _Socket:
    """A socket on which hints arrive until it is closed."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner = turns.owner
        self._owner.sockets.append(self)
        self._hinted = False
        self._closed = False

    def hint(self) -> None:
        self._hinted = True

    def close(self, code: int = 1000) -> None:
        self._closed = True

    def __iter__(self) -> Iterator[str]:
        while True:
            self._turns.wait(lambda: self._hinted or self._closed)
            if self._closed:
                return
            self._hinted = False
            yield '{"type": "look"}'


def connect(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the network between the nodes' modules and the server."""

    @contextmanager
    def open_socket(*_: object) -> Iterator[_Socket]:
        socket = _Socket(network.turns)
        try:
            yield socket
        finally:
            socket._owner.sockets.remove(socket)

    wire: Callable[..., Transport] = partial(_Wire, network)
    monkeypatch.setattr("ptm_node.server_api.Transport", wire)
    monkeypatch.setattr("ptm_node.channel.open_socket", open_socket)
