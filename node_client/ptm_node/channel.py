"""The socket that wakes the node, and the decision to do without one.

What arrives is a hint and never more: even a close code that speaks of a revoked key
only makes the node ask by HTTP, whose answer counts.
"""

import logging
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import certifi
import msgspec
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from ptm_node import __version__
from ptm_node.clock import Backoff
from ptm_node.life import Life
from ptm_node.sections import Server
from ptm_node.server_api import ServerApi

log = logging.getLogger(__name__)

# At debug level the library would log the headers, and the key with them.
_library_log = logging.getLogger("websockets.client")
_library_log.setLevel(logging.WARNING)

_OPEN_SECONDS = 10.0
_PING_SECONDS = 20.0
_STABLE_SECONDS = 30.0
_TRY_AGAIN_SECONDS = 180.0
_FAILURES_AT_MOST = 2


class Hint(msgspec.Struct):
    type: str = ""


class Channel:
    """Keeps one socket open for ever, as far as the way to the server lets it."""

    def __init__(
        self, server: Server, api: ServerApi, life: Life, on_look: Callable[[], None]
    ) -> None:
        self._mode = server.channel
        self._server = server
        self._tls = trusted(server) if server.url.startswith("https:") else None
        self._api = api
        self._life = life
        self._on_look = on_look
        self._backoff = Backoff(life.clock)
        self._failures = 0
        self._socket: ClientConnection | None = None

    @property
    def polling(self) -> bool:
        """Whether claims are to be held by the server, for want of a socket."""
        if self._mode == "auto":
            return self._failures >= _FAILURES_AT_MOST
        return self._mode == "polling"

    def step(self) -> None:
        """One connection from its handshake to its end, and the wait after it."""
        if self._mode == "polling":
            return self._life.pause(_TRY_AGAIN_SECONDS)
        clock = self._life.clock
        began = clock.monotonic()
        refused = self._connect()
        answers = self._api.transport.answers
        stable = clock.monotonic() - began >= _STABLE_SECONDS
        if stable:
            self._backoff.reset()
            self._failures = 0
        self._on_look()  # for what was missed; and its answer shows if HTTP works
        self._life.pause(self._backoff.delay())
        if not stable:
            self._judge(answers, refused)
        if self.polling:
            self._life.pause(clock.spread(_TRY_AGAIN_SECONDS))
        return None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _connect(self) -> bool:
        """Listens until the socket ends; true if the server or a proxy refused it."""
        try:
            self._listen()
        except InvalidStatus as refusal:
            status = refusal.response.status_code
            log.debug("the socket was refused with status %d", status)
            return status < 500 or status == 501
        except (OSError, WebSocketException) as error:
            log.debug("no socket: %s", type(error).__name__)
        return False

    def _listen(self) -> None:
        with open_socket(self._server, self._api.headers, self._tls) as self._socket:
            log.info("listening on the socket")
            self._on_look()
            if self._life.leaving.is_set():  # close() may have come too early
                return
            for message in self._socket:
                self._hear(message)

    def _hear(self, message: str | bytes) -> None:
        try:
            hint = msgspec.json.decode(message, type=Hint)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return
        if hint.type == "look":
            self._on_look()

    def _judge(self, answers_before: int, refused: bool) -> None:
        """Blames the socket only if HTTP gets through at the same time."""
        if self._mode != "auto" or self._failures >= _FAILURES_AT_MOST:
            return
        if self._api.transport.answers == answers_before:
            self._failures = 0
            return
        self._failures += _FAILURES_AT_MOST if refused else 1
        if self._failures >= _FAILURES_AT_MOST:
            log.warning("the socket does not get through; long polling instead")


def open_socket(
    server: Server, headers: dict[str, str], tls: ssl.SSLContext | None = None
) -> ClientConnection:
    address = _address(server.url)
    return connect(
        address,
        ssl=(tls or trusted(server)) if address.startswith("wss:") else None,
        additional_headers=headers,
        user_agent_header=f"ptm-node/{__version__}",
        compression=None,
        open_timeout=_OPEN_SECONDS,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PING_SECONDS,
        close_timeout=2.0,
        max_size=1 << 16,
        logger=_library_log,
    )


def _address(url: str) -> str:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws/node/"


def trusted(server: Server) -> ssl.SSLContext:
    """Trusts what the HTTP requests trust."""
    return ssl.create_default_context(cafile=server.ca_bundle or certifi.where())
