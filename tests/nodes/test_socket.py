"""A node's socket: hints for the newest start of a node that is let in."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer

from apps.audit.actors import SYSTEM
from apps.nodes import sockets
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


async def connected(node: NodeClient) -> Any:
    headers = [(n.lower().encode(), v.encode()) for n, v in node.headers.items()]
    scope = {"type": "websocket", "path": "/ws/node/", "headers": headers}
    communicator: Any = ApplicationCommunicator  # untyped
    socket = communicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    return socket


async def said(socket: Any) -> str | int:
    message = await socket.receive_output(5)
    found: str | int = message.get("text") or message["code"]
    return found


async def send_hints(node: NodeClient, number: int) -> None:
    layer: Any = get_channel_layer()
    group = work_group(node.node.organization_id)
    sending = [layer.group_send(group, hint(group)) for _ in range(number)]
    await asyncio.gather(*sending)


async def leave(socket: Any) -> None:
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait()
    assert socket.output_queue.empty()


@async_to_sync
async def heard(node: NodeClient, meanwhile: Callable[[], Any]) -> list[str | int]:
    """What is said at once, and of work that comes up after `meanwhile`."""
    socket = await connected(node)
    found = [await said(socket)]
    await sync_to_async(meanwhile)()
    await send_hints(node, 1)
    if found == [LOOK]:
        found.append(await said(socket))
    await leave(socket)
    return found


@async_to_sync
async def heard_of_many(node: NodeClient, number: int) -> list[str | int]:
    socket = await connected(node)
    assert await said(socket) == LOOK
    await send_hints(node, number)
    found = [await said(socket) for _ in range(number)]
    await leave(socket)
    return found


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


def test_of_hints_that_come_at_once_none_is_lost(world: World) -> None:
    many = 300
    assert heard_of_many(world.nodes[0], many) == [LOOK] * many


def test_a_failure_of_the_layer_makes_nobody_deaf(
    node: NodeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer: Any = get_channel_layer()
    receive, failures = layer.receive, iter([ConnectionError("gone")])

    async def receive_later(channel: str) -> Any:
        if error := next(failures, None):
            raise error
        return await receive(channel)

    monkeypatch.setattr(layer, "receive", receive_later)
    monkeypatch.setattr(sockets, "DEAF_SECONDS", 0)
    assert heard(node, lambda: None) == [LOOK, LOOK]
    assert next(failures, None) is None  # it was met
