"""An open page's end of the portal's socket."""

import json
from collections.abc import Callable
from typing import Any, Self

from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from ptm_site.asgi import application
from tests.worlds import World


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


class Page:
    """An open page's socket."""

    def __init__(self, session: str = "", origin: str = settings.PUBLIC_URL) -> None:
        headers = [(b"origin", origin.encode())]
        if session:
            cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
            headers.append((b"cookie", cookie.encode()))
        scope = {"type": "websocket", "path": "/ws/live/", "headers": headers}
        communicator: Any = ApplicationCommunicator  # untyped
        self.socket = communicator(application, scope)

    async def __aenter__(self) -> Self:
        assert await self.connected()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.socket.wait()

    async def connected(self) -> bool:
        await self.socket.send_input({"type": "websocket.connect"})
        answer = await self.socket.receive_output(timeout=5)
        return bool(answer["type"] == "websocket.accept")

    async def watch(self, *topics: object) -> None:
        await self.say(json.dumps({"watch": topics}))

    async def say(self, frame: str | bytes) -> None:
        kind = "text" if isinstance(frame, str) else "bytes"
        await self.socket.send_input({"type": "websocket.receive", kind: frame})

    async def heard(self) -> str:
        """The next topic, and nothing else; fails if the socket closes or is silent."""
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.send"
        told: dict[str, str] = json.loads(message["text"])
        assert set(told) == {"topic"}
        return told["topic"]

    async def close_code(self) -> int:
        """The code with which the server closes next, having said nothing more."""
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close"
        return int(message["code"])


@database_sync_to_async
def do(act: Callable[[], Any]) -> Any:
    return act()


async def alices(world: World) -> Page:
    return Page(await do(lambda: session_of(world.people["alice"])))
