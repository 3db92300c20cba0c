"""A node's socket: hints for the newest start of a node that is let in."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer

from apps.audit.actors import SYSTEM
from apps.nodes.events import work_group
from apps.nodes.services import revoke_node
from apps.nodes.sockets import SUPERSEDED, UNKNOWN
from apps.notify import hint
from ptm_site.asgi import application
from tests.daemon import NodeClient
from tests.worlds import World

LOOK = '{"type": "look"}'


@pytest.fixture(autouse=True)
def _keep_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels closes connections that are within a transaction, as the test is."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)


@async_to_sync
async def heard(node: NodeClient, meanwhile: Callable[[], Any]) -> list[str | int]:
    """What is said at once, and of work that comes up after `meanwhile`."""
    said: list[str | int] = []
    headers = [(n.lower().encode(), v.encode()) for n, v in node.headers.items()]
    scope = {"type": "websocket", "path": "/ws/node/", "headers": headers}
    communicator: Any = ApplicationCommunicator  # untyped
    socket = communicator(application, scope)

    async def listen() -> None:
        message = await socket.receive_output(5)
        said.append(message.get("text") or message["code"])

    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    await listen()
    await sync_to_async(meanwhile)()
    layer: Any = get_channel_layer()
    group = work_group(node.node.organization_id)
    await layer.group_send(group, hint(group))
    if said == [LOOK]:
        await listen()
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait()
    assert socket.output_queue.empty()
    return said


def test_a_node_is_told_to_look_as_it_connects_and_when_there_is_work(
    world: World,
) -> None:
    assert heard(world.nodes[0], lambda: None) == [LOOK, LOOK]


def test_of_two_starts_only_the_newest_hears_of_work(world: World) -> None:
    first = world.nodes[0]
    again = first.restarted()
    assert heard(first, lambda: again.hello(world.released())) == [LOOK, SUPERSEDED]
    assert heard(first, lambda: None) == [SUPERSEDED]
    assert heard(again, lambda: None) == [LOOK, LOOK]


def test_a_node_that_was_shut_out_hears_nothing_more(world: World) -> None:
    node = world.nodes[0]
    shut_out = partial(revoke_node, node=node.node, actor=SYSTEM)
    assert heard(node, shut_out) == [LOOK, UNKNOWN]
    assert heard(node, lambda: None) == [UNKNOWN]
