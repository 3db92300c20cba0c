"""A way to the Docker engine that a test can close, as if the engine went down."""

import contextlib
import socket
import threading
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class UnixProxy:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def up(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        accept = (self._listener,)
        threading.Thread(target=self._accept, args=accept, daemon=True).start()

    def down(self) -> None:
        """Nobody listens any more, and every connection ends."""
        if self._listener is not None:
            _end(self._listener)
        for each in list(self._open):
            _end(each)

    def _accept(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(ENGINE)
                for source, target in ((near, far), (far, near)):
                    self._open.add(source)
                    threading.Thread(
                        target=self._pump, args=(source, target), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        _end(target)
        source.close()
        self._open.discard(source)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
