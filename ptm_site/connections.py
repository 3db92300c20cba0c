"""Connections that wait, as those of nodes do for days, keep nothing of what was."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Connection(HttpToolsProtocol):
    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Otherwise the next request waits, or has begun to come.
        if self.cycle.response_complete and self.scope is self.cycle.scope:
            self.headers = []
            self.scope = self.cycle.scope = {}  # type: ignore[typeddict-item]


class Socket(WebSocketsSansIOProtocol):
    def start_keepalive(self) -> None:
        """Called once, when the handshake is over."""
        super().start_keepalive()
        self.request.headers.clear()
        self.response.headers.clear()
