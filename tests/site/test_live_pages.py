"""Open pages hear what happens within a second, at whichever server process.

With REDIS_URL two servers run on the same database: what is caused through one is
heard at the other. On SQLite there is one, with its layer in memory.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

import pytest
import requests
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.models import Node
from apps.nodes.sweeps import tell_of_silent_nodes
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.consumers import MALFORMED, REFUSED
from tests.live import LiveClient, go_live
from tests.worlds import World
from tools.rig.server import Server

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

SOON = 1.0  # seconds within which an open page has heard it


@dataclass
class Servers:
    """`here` the reader's pages are open; things happen `there`."""

    here: Server
    there: Server


@pytest.fixture
def servers(
    world: World, first_server: Server, request: pytest.FixtureRequest
) -> Servers:
    here = first_server
    if settings.REDIS_URL:
        here = request.getfixturevalue("second_server")
        assert here.url != first_server.url
    go_live(world, first_server)
    return Servers(here, first_server)


class Tab:
    """An open page: its socket, and the requests that it makes."""

    def __init__(self, server: Server, user: User) -> None:
        client = Client()
        client.force_login(user)
        name, key = settings.SESSION_COOKIE_NAME, str(client.session.session_key)
        self.server = server
        self.cookies = {name: key}
        self.cookie = f"{name}={key}"

    def __enter__(self) -> Self:
        self.socket = open_socket(self.server, self.cookie).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def get(self, path: str) -> requests.Response:
        return requests.get(
            f"{self.server.url}{path}", cookies=self.cookies, timeout=30
        )

    def watch(self, *topics: str) -> None:
        """Watch, and return when the server has taken all of them up."""
        self.socket.send(json.dumps({"watch": topics}))
        assert {self.heard() for _ in topics} == set(topics)

    def heard(self, timeout: float = 10) -> str:
        return str(json.loads(self.socket.recv(timeout=timeout))["topic"])

    def hears(self, topic: str, act: Callable[[], Any]) -> Any:
        """Whether the topic is named within a second after `act`; return its answer."""
        done = act()
        begin = monotonic()
        assert self.heard() == topic
        assert monotonic() - begin < SOON
        return done


def open_socket(server: Server, cookie: str = "", origin: str = "") -> ClientConnection:
    address = server.url.replace("http", "ws") + "/ws/live/"
    headers = {"Origin": origin or server.url, **({"Cookie": cookie} if cookie else {})}
    return connect(address, additional_headers=headers, proxy=None)


def close_code(connection: ClientConnection) -> int | None:
    """The code with which the server closes next, having said nothing more."""
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=10)
    return connection.protocol.close_code


@pytest.fixture
def tab(world: World, servers: Servers) -> Iterator[Tab]:
    with Tab(servers.here, world.people["alice"]) as page:
        yield page


def test_state_log_and_presence_are_heard_within_a_second(
    world: World, servers: Servers, tab: Tab
) -> None:
    node, site = world.nodes[0], world.sites[0]
    everything = f"tasks:{world.collaboration.pk}"
    tab.watch(everything)
    task = tab.hears(everything, lambda: world.send(organizations=[site.pk]))
    topic = f"task:{task['id']}"
    tab.watch(topic)
    (run,) = tab.hears(topic, node.claimed)
    assert "Claimed" in tab.get(f"/tasks/{task['id']}/").text
    tab.hears(topic, lambda: node.report(run["run"], 1, "running"))
    assert "Running" in tab.get(f"/tasks/{task['id']}/").text
    log = f"log:{run['run']}"
    tab.watch(log)
    tab.hears(log, lambda: node.log(run, 0, b"a line of the log\n"))
    assert "a line of the log" in tab.get(f"/runs/{run['run']}/log/piece/").text
    tab.watch(topic)
    tab.hears(topic, lambda: node.upload(run, b"{}"))
    assert "Completed" in tab.get(f"/tasks/{task['id']}/").text
    presence = f"presence:{site.pk}"
    tab.watch(presence)
    tab.hears(presence, lambda: node.post("goodbye/"))
    assert "Offline since" in tab.get("/").text
    tab.hears(presence, lambda: node.heartbeat([]))
    assert "Offline since" not in tab.get("/").text


def test_every_open_tab_hears_it(world: World, servers: Servers, tab: Tab) -> None:
    task = world.send()
    topic = f"task:{task['id']}"
    with contextlib.ExitStack() as stack:
        others = [
            stack.enter_context(Tab(server, world.people[person]))
            for server in (servers.here, servers.there)
            for person in ("alice", "bob")
        ]
        for page in (tab, *others):
            page.watch(topic)
        world.nodes[0].claimed()
        begin = monotonic()
        for page in (tab, *others):
            assert page.heard() == topic
        assert monotonic() - begin < SOON


def test_a_node_that_goes_silent_is_told_by_whichever_process_finds_it(
    world: World, servers: Servers, tab: Tab
) -> None:
    if not settings.REDIS_URL:
        pytest.skip("The layer in memory does not reach from this process to a server")
    presence = f"presence:{world.sites[0].pk}"
    tab.watch(presence)
    node = Node.objects.filter(pk=world.nodes[0].node.pk)
    node.update(last_seen_at=node.get().last_seen_at - 2 * ONLINE_WITHIN)
    assert tab.hears(presence, tell_of_silent_nodes) == 1


def test_signing_out_closes_the_sockets_of_every_tab(
    world: World, servers: Servers, tab: Tab
) -> None:
    task = world.send()
    tab.watch(f"task:{task['id']}")
    with requests.Session() as session:
        session.cookies.update(tab.cookies)
        page = session.get(f"{servers.there.url}/accounts/logout/", timeout=30)
        token = page.text.split('csrfmiddlewaretoken" value="')[1].split('"')[0]
        done = session.post(
            f"{servers.there.url}/accounts/logout/",
            {"csrfmiddlewaretoken": token},
            headers={"Origin": servers.there.url},
            timeout=30,
        )
        assert done.ok
    world.nodes[0].claimed()
    assert close_code(tab.socket) == REFUSED
    # And the page that goes on by polling is sent to sign in.
    assert "/accounts/login/" in tab.get(f"/tasks/{task['id']}/").url


def test_rights_that_end_elsewhere_silence_an_open_page(
    world: World, servers: Servers
) -> None:
    task = world.send()
    with Tab(servers.here, world.people["bob"]) as bob:
        bob.watch(f"task:{task['id']}")
        membership = Membership.objects.get(user=world.people["bob"])
        end_membership(membership=membership, actor=SYSTEM)
        world.nodes[0].claimed()
        world.nodes[1].claimed()
        bob.socket.send("not ours")
        assert close_code(bob.socket) == MALFORMED  # and no hint before it
        assert bob.get(f"/tasks/{task['id']}/").status_code == 404


def test_strangers_and_other_sites_hear_nothing(
    world: World, rival: World, servers: Servers
) -> None:
    with open_socket(servers.here) as stranger:
        assert close_code(stranger) == REFUSED
    with pytest.raises(InvalidStatus):
        open_socket(servers.here, origin="https://evil.test")
    with Tab(servers.here, rival.people["alice"]) as rivals:
        own = f"presence:{rival.sites[0].pk}"
        rivals.watch(own)
        task = world.send()
        topics = [f"task:{task['id']}", f"presence:{world.sites[0].pk}", own]
        rivals.socket.send(json.dumps({"watch": topics}))
        world.nodes[0].claimed()
        world.nodes[0].post("goodbye/")
        for node in rival.nodes:
            node.client = LiveClient(servers.there)  # type: ignore[assignment]
        assert rivals.hears(own, lambda: rival.nodes[0].post("goodbye/")).response.ok


def test_garbage_leaves_no_traceback_in_the_servers_log(
    world: World, servers: Servers, data_folder: Path
) -> None:
    for frame in ("garbage", b"\x00\xff", "[" * 30_000, '{"watch": [1]}'):
        with Tab(servers.there, world.people["alice"]) as page:
            page.socket.send(frame)
            assert close_code(page.socket) == MALFORMED
    assert "Traceback" not in (data_folder / "server.log").read_text()
