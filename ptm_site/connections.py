"""Connections that wait, as those of nodes do for days, keep nothing of what was."""

import asyncio
from types import SimpleNamespace
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# Stands for the last request of all connections on which none is under way.
ANSWERED: Any = SimpleNamespace(response_complete=True, message_event=asyncio.Event())


class Connection(HttpToolsProtocol):
    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Otherwise the next request waits, or has begun to come.
        if self.cycle.response_complete and self.scope is self.cycle.scope:
            self.headers, self.scope = [], {}  # type: ignore[typeddict-item]
            self.cycle = ANSWERED


class Socket(WebSocketsSansIOProtocol):
    def start_keepalive(self) -> None:
        """Called once, when the handshake is over."""
        super().start_keepalive()
        self.request.headers.clear()
        del self.response
