"""A Redis server on loopback that forgets everything when it ends."""

import socket

from tools.rig.process import Process
from tools.rig.service import Service


class Redis(Service):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _prepare(self) -> Process:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        return Process("Redis", command, log=self.folder / "redis.log")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as link:
                link.sendall(b"PING\r\n")
                return link.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
