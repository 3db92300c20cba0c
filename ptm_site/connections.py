"""Connections that wait, as those of nodes do for days, keep nothing of what was."""

import asyncio
import contextvars
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ptm_site.held import Message
from ptm_site.long_bodies import REST, Rest
from ptm_site.room import room

# Stands for the last request of all connections on which none is under way.
ANSWERED: Any = SimpleNamespace(response_complete=True, message_event=asyncio.Event())


class Connection(HttpToolsProtocol):
    held = b""
    # Bytes of a body that are still to come, and that nobody takes any more.
    unwanted = 0

    def data_received(self, data: bytes) -> None:
        if self.unwanted:
            self._unset_keepalive_if_required()
            came = len(data)
            data = data[self.unwanted :]
            self.unwanted = max(self.unwanted - came, 0)
            if not data:
                return
        begins = self.cycle is None or self.cycle is ANSWERED
        if not begins or not room().is_full():
            super().data_received(data)
            return
        self._unset_keepalive_if_required()
        self.transport.pause_reading()
        self.held = data
        # In its own context: it is called in that of a request that makes room.
        room().wait(partial(contextvars.copy_context().run, self.enter))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        cast(Message, self.scope)[REST] = self.rest_of_body

    def rest_of_body(self, received: int) -> Rest | None:
        """Leave the body to the application, which has so many bytes of it.

        Not if all has come, if its length is unknown, or if the line is encrypted here.
        """
        if self.pipeline:  # what was parsed last is another request
            return None
        request, line = self.cycle, self.transport.get_extra_info
        length = dict(self.headers).get(b"content-length")
        if not request.more_body or request.disconnected or length is None:
            return None
        if line("sslcontext") is not None:
            return None
        self.flow.pause_reading()
        first, request.body = bytes(request.body), bytearray()
        left = int(length) - received - len(first)
        return Rest(line("socket"), first, left, self._go_on)

    def _go_on(self, unwanted: int) -> None:
        """Behind the body: the parser does not know that it has been."""
        if self.transport.is_closing():
            return
        self.unwanted = unwanted
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.scope is not None:
            cast(Message, self.scope).pop(REST, None)  # it leads back here
        super().connection_lost(exc)

    def enter(self) -> None:
        data, self.held = self.held, b""
        if data and not self.transport.is_closing():
            self.transport.resume_reading()
            super().data_received(data)

    def shutdown(self) -> None:
        self.enter()  # what came in time is answered
        super().shutdown()

    def on_response_complete(self) -> None:
        # The timer that it sets would keep what the request left in its context.
        contextvars.Context().run(super().on_response_complete)
        # Otherwise the next request waits, or has begun to come.
        if self.cycle.response_complete and self.scope is self.cycle.scope:
            self.headers, self.scope = [], {}  # type: ignore[typeddict-item]
            self.cycle = ANSWERED


class Mailbox:
    """As much of a queue as one reader needs; asyncio's weighs 3 kB."""

    __slots__ = ("messages", "waiting")

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.waiting: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        self.messages.append(message)
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    async def get(self) -> Any:
        while not self.messages:
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting
        return self.messages.pop(0)

    def empty(self) -> bool:
        return not self.messages


class Socket(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.queue = Mailbox()  # type: ignore[assignment]

    def start_keepalive(self) -> None:
        """Called once, when the handshake is over."""
        super().start_keepalive()
        self.request.headers.clear()
        del self.response
