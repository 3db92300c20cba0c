"""The real server process: waiting, waking and closing as a client meets them."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from apps.audit.actors import SYSTEM
from apps.nodes.services import revoke_node
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.models import Run
from tests.daemon import NodeClient
from tests.live import go_live
from tests.worlds import World, add_node
from tools.rig.server import Server

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

SOON = 1.0  # seconds within which a change reaches whoever waits
A_WHILE = 0.5  # seconds after which a request counts as held


@pytest.fixture
def server(world: World, first_server: Server) -> Server:
    go_live(world, first_server)
    return first_server


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as running:
        yield running


class Held:
    """A request that waits in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, call: Callable[[], Any]) -> None:
        self.future: Future[Any] = pool.submit(call)
        with pytest.raises(TimeoutError):
            self.future.result(timeout=A_WHILE)

    def answer(self) -> Any:
        """The answer, which comes soon after what was done before this call."""
        return self.future.result(timeout=SOON)


def task_path(task: dict[str, Any], query: str = "") -> str:
    return f"/api/v1/tasks/{task['id']}/{query}"


def test_a_waiting_researcher_sees_each_change_within_a_second(
    world: World, server: Server, pool: ThreadPoolExecutor
) -> None:
    alice = world.person("alice")
    task = world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]

    def wait() -> Held:
        seen = alice.get(task_path(task)).json()["revision"]
        path = task_path(task, f"?wait=20&since={seen}")
        return Held(pool, lambda: alice.get(path))

    held = wait()
    (run,) = node.claimed()
    assert held.answer().json()["runs_by_status"] == {"claimed": 1}
    held = wait()
    node.report(run["run"], 1, "preparing")
    assert held.answer().json()["runs_by_status"] == {"preparing": 1}
    held = wait()
    node.log(run, 0, b"a line")  # not a change of the run: who waits sleeps on
    node.upload(run, b"1")
    assert held.answer().json()["status"] == "finished"
    begin = monotonic()
    assert alice.get(task_path(task, "?wait=20&since=0")).json()["status"] == "finished"
    assert alice.get(task_path(task, "?wait=20")).json()["status"] == "finished"
    assert monotonic() - begin < SOON


def test_when_nothing_changes_the_answer_comes_after_the_time_unchanged(
    world: World, server: Server
) -> None:
    alice = world.person("alice")
    task = world.send()
    begin = monotonic()
    waited = alice.get(task_path(task, f"?wait=1&since={task['revision']}"))
    assert 0.9 < monotonic() - begin < 4
    assert waited.json() == task


def test_rights_that_end_while_waiting_end_the_answer_too(
    world: World, server: Server, pool: ThreadPoolExecutor
) -> None:
    task = world.send()
    bob = world.person("bob")
    path = task_path(task, f"?wait=20&since={task['revision']}")
    held = Held(pool, lambda: bob.get(path))
    membership = Membership.objects.get(user=world.people["bob"])
    end_membership(membership=membership, actor=SYSTEM)
    world.nodes[0].claimed()  # the change that wakes who waits
    answer = held.answer()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_waiting_node_gets_work_and_stops_at_once(
    world: World, server: Server, pool: ThreadPoolExecutor
) -> None:
    node = world.nodes[0]

    def claim(held: list[dict[str, int]]) -> Held:
        body = {"claim": node.last_claim + 1, "capacity": 2, "held": held}
        return Held(pool, lambda: node.post("claim/?wait=20", body))

    waiting = claim([])
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = waiting.answer().json()["runs"]
    node.last_claim += 1
    mine = {"run": run["run"], "attempt": 1}
    waiting = claim([mine])
    world.person("alice").post(task_path(task, "cancel/"))
    assert waiting.answer().json()["stop"] == [{**mine, "reason": "cancelled"}]


def test_a_node_that_hung_up_is_given_nothing(world: World, server: Server) -> None:
    node = world.nodes[0]
    body = b'{"claim": 1, "capacity": 5}'
    lines = [
        "POST /api/v1/node/claim/?wait=30 HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in node.headers.items()),
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        connection.settimeout(A_WHILE)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    node.heartbeat([])  # a request later: the server has noticed
    task = world.send(organizations=[world.sites[0].pk])
    node.heartbeat([])
    assert Run.objects.get(task=task["id"]).status == "queued"


def open_socket(server: Server, node: NodeClient) -> ClientConnection:
    address = server.url.replace("http", "ws") + "/ws/node/"
    return connect(address, additional_headers=node.headers, proxy=None)


def close_code(node_socket: ClientConnection) -> int | None:
    """Read to the end; the code with which the server closed."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            node_socket.recv(timeout=5)
    return node_socket.protocol.close_code


def test_the_nodes_socket_carries_hints_and_nothing_else(
    world: World, rival: World, server: Server
) -> None:
    look = {"type": "look"}
    with open_socket(server, world.nodes[0]) as node_socket:
        assert json.loads(node_socket.recv(timeout=5)) == look
        node_socket.send("whatever a node says is ignored")
        world.send(organizations=[world.sites[1].pk])  # another site's work
        with pytest.raises(TimeoutError):
            node_socket.recv(timeout=A_WHILE)
        begin = monotonic()
        world.send(organizations=[world.sites[0].pk])
        assert json.loads(node_socket.recv(timeout=5)) == look
        assert monotonic() - begin < SOON
        go_live(rival, server)
        rival.send()
        with pytest.raises(TimeoutError):
            node_socket.recv(timeout=A_WHILE)


def test_the_socket_closes_for_who_may_not_listen(world: World, server: Server) -> None:
    node = world.nodes[0]
    stranger = NodeClient(node.node, node.key)
    with open_socket(server, stranger) as refused:
        assert close_code(refused) == 4409
    stranger.key = type(node.key).generate("ptmn")
    with open_socket(server, stranger) as refused:
        assert close_code(refused) == 4401
    with open_socket(server, node) as old:
        old.recv(timeout=5)
        new = node.restarted()
        new.client = node.client
        assert new.hello(world.released()).status_code == 200
        assert close_code(old) == 4409
    with open_socket(server, world.nodes[1]) as revoked:
        revoked.recv(timeout=5)
        revoke_node(node=world.nodes[1].node, actor=SYSTEM)
        add_node(world, world.sites[1], world.people["admin1"], hello=True)
        world.send(organizations=[world.sites[1].pk])  # what it must not hear of
        assert close_code(revoked) == 4401
