"""What goes through a relay, where it leads, and when it ends."""

import contextlib
import json
import logging
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ptm_node.audit import Audit
from ptm_node.cases import case_of, in_full
from ptm_node.relays import CONNECTIONS, POSTGRESQL, SOCKET, Relay
from ptm_node.runtimes.base import sandbox_user
from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, writes

PATIENCE = 10.0


class Echo:
    """A server that says what it hears, and goodbye; it knows who is there."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: tuple[str, int] = self._listener.getsockname()
        self.guests = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._listener.accept()
                self.guests.release()
                threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        with guest, contextlib.suppress(OSError):
            while said := guest.recv(1 << 16):
                guest.sendall(said)
            guest.sendall(b" goodbye")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def relay(echo: Echo, tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path / "relay", echo.address)
    yield relay
    relay.close()


def connect(place: Path) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    end.settimeout(PATIENCE)
    folder = os.open(place.parent, os.O_DIRECTORY)
    try:
        end.connect(f"/proc/self/fd/{folder}/{place.name}")
    except OSError:
        end.close()
        raise
    finally:
        os.close(folder)
    return end


def is_shut(place: Path) -> bool:
    try:
        connect(place).close()
    except OSError:
        return True
    return False


def say(end: socket.socket, words: bytes) -> None:
    end.sendall(words)
    end.shutdown(socket.SHUT_WR)


def rest(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(1 << 16), b""))


@pytest.mark.parametrize("name", [SOCKET, POSTGRESQL])
def test_both_directions_are_carried_to_their_end(
    relay: Relay, tmp_path: Path, name: str
) -> None:
    words = os.urandom(3_000_000)
    with connect(tmp_path / "relay" / name) as end:
        saying = threading.Thread(target=say, args=(end, words))
        saying.start()
        heard = rest(end)
        saying.join()
    assert heard == words + b" goodbye"
    eventually(lambda: relay.received == len(heard))
    assert (relay.connections, relay.sent) == (1, len(words))


def test_who_comes_when_all_are_taken_waits_for_a_place(
    relay: Relay, echo: Echo, tmp_path: Path
) -> None:
    place = tmp_path / "relay" / SOCKET
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(connect(place)) for _ in range(CONNECTIONS + 1)]
        for _ in range(CONNECTIONS):
            assert echo.guests.acquire(timeout=PATIENCE)
        ends[-1].sendall(b"me too")
        assert not echo.guests.acquire(timeout=0.2)  # the database is not asked
        ends[0].close()
        assert echo.guests.acquire(timeout=PATIENCE)
        assert ends[-1].recv(100) == b"me too"


def test_closing_ends_every_connection_and_takes_no_other(
    relay: Relay, tmp_path: Path
) -> None:
    place = tmp_path / "relay" / SOCKET
    with connect(place) as end:
        end.sendall(b"hello")
        assert end.recv(100) == b"hello"
        relay.close()
        assert rest(end) in (b"", b" goodbye")
    eventually(lambda: is_shut(place))


def test_a_database_that_is_away_ends_the_connection_and_is_told_once(
    relay: Relay, echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    echo.close()
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        with connect(tmp_path / "relay" / SOCKET) as end:
            assert rest(end) == b""
    eventually(lambda: relay.unreached == 3)
    assert relay.connections == 0
    assert len([r for r in caplog.records if "does not reach" in r.message]) == 1


def test_only_the_containers_user_may_use_it(relay: Relay, tmp_path: Path) -> None:
    for path in (tmp_path / "relay", tmp_path / "relay" / SOCKET):
        about = path.stat()
        assert (about.st_uid, about.st_gid) == sandbox_user()
        assert stat.S_IMODE(about.st_mode) == 0o700


def test_the_path_may_be_longer_than_a_sockets_name(echo: Echo, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    relay = Relay(folder / "relay", echo.address)
    with connect(folder / "relay" / SOCKET) as end:
        end.sendall(b"hello")
        assert end.recv(100) == b"hello"
    relay.close()


class Site:
    """A daemon whose one database is the echo, and a program that speaks to it."""

    def __init__(
        self, start: StartDaemon, engine: FakeEngine, server: FakeServer, echo: Echo
    ) -> None:
        self._start, self._address = start, echo.address
        self.ends: list[socket.socket] = []
        self.go_on = threading.Event()
        engine.present[IMAGE] = self.program
        self.run = server.add_run(IMAGE, databases=[{"label": "live"}])

    def start(self, **rule: Any) -> Any:
        host, port = self._address
        live = {"type": "direct", "host": host, "port": port, "collaborations": [1]}
        allows = [{"action": "run", **rule}]
        policy = {"images": ["localhost:5050/ptm/*"], "rules": allows}
        return self._start(databases={"live": live}, policy=policy)

    def said(self) -> str:
        eventually(lambda: self.run.result)
        result: dict[str, str] = json.loads(self.run.result or b"")
        return result["said"]

    def program(self, inside: Inside) -> int:
        place = inside.file("/data/live") / SOCKET
        self.place = place
        self.ends.append(connect(place))
        self.ends[0].sendall(b"first")
        self.ends[0].recv(100)
        while not self.go_on.wait(0.005):
            if inside.asked_to_end.is_set():
                return 143
        try:
            with connect(place) as again:
                again.sendall(b"again")
                said = again.recv(100).decode()
        except OSError:
            said = "nobody is there"
        return int(writes(json.dumps({"said": said}).encode())(inside))


@pytest.fixture
def site(
    start: StartDaemon, engine: FakeEngine, server: FakeServer, echo: Echo
) -> Iterator[Site]:
    site = Site(start, engine, server, echo)
    yield site
    for end in site.ends:
        end.close()


def closed(daemon: Any) -> list[dict[str, Any]]:
    with closing(Audit(daemon.state / "audit.sqlite3")) as audit:
        return list(audit.newest("relay.closed"))


def test_a_run_has_its_relay_until_it_ends(site: Site, echo: Echo) -> None:
    daemon = site.start(direct=True)
    site.go_on.set()
    assert site.said() == "again"
    wait_until_clean(daemon)
    assert rest(site.ends[0]) in (b"", b" goodbye")
    (entry,) = closed(daemon)
    facts = {"run": 1, "database": "live", "connections": 2, "unreached": 0, "sent": 10}
    assert entry.items() >= facts.items()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_new_daemon_opens_it_again_if_that_is_still_allowed(
    site: Site, echo: Echo, caplog: pytest.LogCaptureFixture, *, allowed: bool
) -> None:
    caplog.set_level(logging.WARNING)
    daemon = site.start(direct=True)
    assert echo.guests.acquire(timeout=PATIENCE)
    daemon.__exit__()
    assert rest(site.ends[0]) in (b"", b" goodbye")  # it ended with the daemon
    later = site.start(direct=allowed)
    if allowed:
        eventually(lambda: not is_shut(site.place))
    else:
        eventually(lambda: "goes on without its relays" in caplog.text)
    site.go_on.set()
    assert site.said() == ("again" if allowed else "nobody is there")
    wait_until_clean(later)


def test_a_rule_that_does_not_say_so_gives_no_relay(site: Site) -> None:
    daemon = site.start()
    eventually(lambda: site.run.status == "rejected")
    assert site.ends == []
    assert closed(daemon) == []


def test_a_steward_sees_where_it_would_lead(site: Site, echo: Echo) -> None:
    daemon = site.start(direct=True, approval="always")
    eventually(lambda: site.run.status == "awaiting_approval")
    with closing(Audit(daemon.state / "audit.sqlite3")) as audit:
        case = case_of(daemon.journal()[0], daemon.config, audit)
    host, port = echo.address
    assert f"relay          live, to {host} port {port}\n" in in_full(case)
