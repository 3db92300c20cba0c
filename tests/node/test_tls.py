"""The ways to a server that hospitals have: certificates of their own, and proxies."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest
from ptm_node.errors import Trouble
from ptm_node.runtimes.fake import FakeEngine
from ptm_node.transport import Transport

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE


@pytest.fixture
def server(secured: FakeServer) -> FakeServer:
    return secured


class Proxy:
    """Passes on what CONNECT asks for, and counts it."""

    def __init__(self) -> None:
        self.connected: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += near.recv(4096)
        target = asked.split()[1].decode()
        self.connected.append(target)
        host, port = target.rsplit(":", 1)
        far = socket.create_connection((host, int(port)))
        near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()
        near.close()
        far.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_a_sites_own_certificates_open_the_way_for_requests_and_socket(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, certificate: Path
) -> None:
    start(server={"ca_bundle": f"{certificate}.crt"})
    server.wait(lambda: server.sockets)
    server.wait_status(server.add_run(IMAGE), "completed")


def test_a_setting_of_the_shell_does_not_replace_the_sites_certificates(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    start(server={"ca_bundle": f"{certificate}.crt"})
    server.wait_status(server.add_run(IMAGE), "completed")


def test_an_unknown_certificate_is_not_trusted(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    way = Transport(daemon.config.server, {})
    with pytest.raises(Trouble, match="SSLError"):
        way.send("POST", "claim/")
    way.close()
    assert server.requests == []
    assert not server.sockets


def test_requests_and_socket_go_through_the_proxy(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy()
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    try:
        daemon = start(server={"ca_bundle": f"{certificate}.crt"})
        server.wait(lambda: server.sockets)
        server.wait_status(server.add_run(IMAGE), "completed")
        assert set(proxy.connected) == {f"127.0.0.1:{server.port}"}
        assert len(proxy.connected) >= 2
        daemon.drain()
        daemon.join()
    finally:
        proxy.close()
