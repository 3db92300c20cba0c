"""Chunks of uploads that break off: what came is handed on as if it were the whole.

Django drops a request whose client has left before its body was complete. Of a chunk
every byte counts: what is kept of it need not be sent again.
"""

import asyncio

from ptm_site.held import App, Message, Receive, Send

UPLOADS = "/api/v1/node/uploads/"


class PartialChunks:
    """Wraps an ASGI application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "PATCH" and scope["path"].startswith(UPLOADS):
            receive = _ended_where_it_broke(receive)
        await self.app(scope, receive, send)


def _ended_where_it_broke(receive: Receive) -> Receive:
    whole = broken = False

    async def receive_or_end() -> Message:
        nonlocal whole, broken
        if broken:  # whoever listens for the client's leaving would stop the view
            await asyncio.get_running_loop().create_future()
        message = await receive()
        if message["type"] == "http.disconnect" and not whole:
            broken = True
            return {"type": "http.request", "body": b"", "more_body": False}
        whole = not message.get("more_body", False)
        return message

    return receive_or_end
