"""A socket to an address that is nobody's is refused, and nothing goes wrong."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from ptm_site.asgi import application


# Channels closes old connections before each message: its thread may hold one.
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/other/", "/ws/live", "/tasks/1/"])
async def test_an_unknown_address_is_refused(path: str) -> None:
    scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
    communicator: Any = ApplicationCommunicator  # untyped
    socket = communicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output()
    assert answer["type"] == "websocket.close"
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait()
