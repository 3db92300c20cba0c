"""Just enough of RFC 6455 to send hints to a node: text, ping and close."""

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from typing import Any

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class FakeSocket:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        self._frame(TEXT, json.dumps(message).encode())

    def close(self, code: int) -> None:
        """Says goodbye with a close code."""
        self._frame(CLOSE, struct.pack("!H", code))

    def cut(self) -> None:
        """Is gone without a word."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Answers pings until the other side, or a test, ends the connection."""
        with contextlib.suppress(OSError, ConnectionError):
            while True:
                opcode, payload = self._read()
                if opcode == PING:
                    self._frame(PONG, payload)
                elif opcode == CLOSE:
                    self._frame(CLOSE, payload)
                    return

    def _frame(self, opcode: int, payload: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._connection.sendall(bytes([0x80 | opcode, len(payload)]) + payload)

    def _read(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        mask = self._exactly(4)
        masked = self._exactly(length)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(masked))
        return first & 0x0F, payload

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._connection.recv(count - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data


def handshake(connection: socket.socket, headers: Any) -> FakeSocket:
    key = (headers["Sec-WebSocket-Key"] + MAGIC).encode()
    accept = base64.b64encode(hashlib.sha1(key).digest())  # noqa: S324 (the RFC's)
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return FakeSocket(connection)
