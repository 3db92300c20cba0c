"""From a container to one host and port of the site, and to nothing else.

The container has no network. In a folder of its own it finds a Unix socket; whatever
comes in there goes to the address in the site's configuration, and what answers comes
back. Nothing is read, changed or kept, and no more than a piece at a time is held.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ptm_node.runtimes.base import sandbox_user
from ptm_node.sections import Database, Direct

log = logging.getLogger(__name__)

SOCKET = "socket"
# Where clients of PostgreSQL look, given the folder as their host.
POSTGRESQL = ".s.PGSQL.5432"
CONNECTIONS = 16
# What a relay counts: connections, those that failed, bytes to and from the database.
CARRIED = ("connections", "unreached", "sent", "received")
_CONNECT_SECONDS = 10.0
_PIECE = 64 << 10
# Between connections: nobody's database is to be flooded with them.
_PACE_SECONDS = 0.05


class Relays:
    """All of one attempt, by the labels of its databases.

    `on_closed` is told the label, and the relay for what it has carried.
    """

    def __init__(self, on_closed: Callable[[str, "Relay"], None]) -> None:
        self._on_closed = on_closed
        self._open: dict[str, Relay] = {}

    def open(self, databases: Mapping[str, Database], folder: Path) -> None:
        """In the run's folder, anew if a daemon before this one had them there."""
        for label, database in databases.items():
            if isinstance(database, Direct):
                address = (database.host, database.port)
                self._open[label] = Relay(place_of(folder, label), address)

    def close(self) -> None:
        """Ends every connection. It is no error if there is none, or none any more."""
        relays, self._open = self._open, {}
        for relay in relays.values():
            relay.close()
        for label, relay in relays.items():
            self._on_closed(label, relay)


def place_of(folder: Path, label: str) -> Path:
    """What the container sees as the database: a folder with the socket."""
    return folder / f"relay-{label}"


class Relay:
    """One socket; every connection to it is one to the address."""

    def __init__(self, place: Path, address: tuple[str, int]) -> None:
        self.connections = self.unreached = self.sent = self.received = 0
        self._address = address
        self._lock = threading.Lock()
        self._closed = False
        self._ends: set[socket.socket] = set()
        self._free = threading.Semaphore(CONNECTIONS)
        self._listener = _listen(place)
        _thread(self._accept)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for end in (self._listener, *self._ends):
                _shut(end, socket.SHUT_RDWR)

    def _accept(self) -> None:
        with self._listener:
            while not self._closed:
                self._free.acquire()  # who comes while none is free waits
                try:
                    inner, _ = self._listener.accept()
                except OSError:  # it is shut, or the node may open no more for now
                    self._free.release()
                else:
                    _thread(self._carry, inner)
                time.sleep(_PACE_SECONDS)

    def _carry(self, inner: socket.socket) -> None:
        try:
            with inner, self._reach() as outer, self._known(inner, outer):
                back = _thread(self._receive, outer, inner)
                self._send(inner, outer)
                back.join()
        except OSError as error:
            self._not_reached(error)
        finally:
            self._free.release()

    def _not_reached(self, error: OSError) -> None:
        with self._lock:
            self.unreached += 1
            first = self.unreached == 1
        if first:  # a container can try for ever
            log.warning("a relay does not reach its database: %s", error)

    def _reach(self) -> socket.socket:
        outer = socket.create_connection(self._address, _CONNECT_SECONDS)
        outer.settimeout(None)
        outer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return outer

    @contextlib.contextmanager
    def _known(self, inner: socket.socket, outer: socket.socket) -> Iterator[None]:
        """While it is, closing the relay ends it too."""
        with self._lock:
            self.connections += 1
            self._ends |= {inner, outer}
            if self._closed:  # while the database was being reached
                _shut(inner, socket.SHUT_RDWR)
                _shut(outer, socket.SHUT_RDWR)
        try:
            yield
        finally:
            with self._lock:
                self._ends -= {inner, outer}

    def _send(self, inner: socket.socket, outer: socket.socket) -> None:
        for size in _pump(inner, outer):
            with self._lock:
                self.sent += size

    def _receive(self, outer: socket.socket, inner: socket.socket) -> None:
        for size in _pump(outer, inner):
            with self._lock:
                self.received += size


def _thread(work: Callable[..., None], *ends: socket.socket) -> threading.Thread:
    thread = threading.Thread(target=work, args=ends, daemon=True)
    thread.start()
    return thread


def _pump(source: socket.socket, target: socket.socket) -> Iterator[int]:
    """Carries one direction to its end; yields the size of each piece."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
            yield len(piece)
    # The end is passed on, and a sender whom nobody hears is told so.
    _shut(target, socket.SHUT_WR)
    _shut(source, socket.SHUT_RD)


def _shut(end: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(how)


def _listen(place: Path) -> socket.socket:
    """Only the containers' user may use it, and only through its mount."""
    place.mkdir(mode=0o700, exist_ok=True)
    for name in (SOCKET, POSTGRESQL):
        (place / name).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(place, os.O_DIRECTORY)
    try:
        # By number: a path may be longer than the name of a socket.
        listener.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    finally:
        os.close(folder)
    (place / SOCKET).chmod(0o700)
    (place / POSTGRESQL).symlink_to(SOCKET)
    if os.getuid() == 0:
        for path in (place, place / SOCKET):
            os.chown(path, *sandbox_user())
    listener.listen(CONNECTIONS)
    return listener
