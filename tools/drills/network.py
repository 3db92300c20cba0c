"""Networks of the drills' own, whose packets can get lost.

Such a network is a name space with a loopback device and nothing else: what lives in it
speaks to the world through the ports that we open there. Packets are dropped by its
firewall, because few kernels come with `netem`.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from tools.drills.root import command, is_root

NAMES = Path("/run/netns")
NETWORK = 0x40000000  # CLONE_NEWNET; Python has `os.setns` from 3.12 on
BACKLOG = 512
# As on a line between sites, where no packet has 64 KiB.
MTU = "1500"


class Network:
    """This machine's."""

    inside: tuple[str, ...] = ()  # the start of a command that is to run there

    def listen(self, port: int) -> socket.socket:
        """A socket that listens there, for us."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
        return listener


class OwnNetwork(Network):
    """A name space of its own; `lost` counts the packets that were dropped there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside = ("nsenter", f"--net={NAMES / name}")
        self.lost = 0

    def listen(self, port: int) -> socket.socket:
        with ThreadPoolExecutor(1) as visitor:  # a thread goes there, and ends
            return visitor.submit(self._listen_there, port).result()

    @contextmanager
    def losing(self, share: float) -> Iterator[None]:
        """That share of all packets is dropped, in both directions."""
        chance = ["statistic", "--mode", "random", "--probability", str(share)]
        rule = ["INPUT", "--match", *chance, "--jump", "DROP"]
        self._firewall("--append", *rule)
        try:
            yield
        finally:
            counted = self._firewall("--list", "INPUT", "--numeric", "-vx")
            self.lost += int(counted.splitlines()[-1].split()[0])
            self._firewall("--delete", *rule)

    def _firewall(self, *arguments: str) -> str:
        return command("ip", "netns", "exec", self.name, "iptables", *arguments)

    def _listen_there(self, port: int) -> socket.socket:
        library = ctypes.CDLL(None, use_errno=True)
        with (NAMES / self.name).open() as name:
            if library.setns(name.fileno(), NETWORK) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        return super().listen(port)


@contextmanager
def own_network() -> Iterator[Network]:
    """A network of its own while the block lasts, if we are root; else this one."""
    if not is_root():
        yield Network()
        return
    network = OwnNetwork(f"ptm-drill-{token_hex(4)}")
    command("ip", "netns", "add", network.name)
    try:
        command("ip", "-n", network.name, "link", "set", "lo", "mtu", MTU, "up")
        yield network
    finally:
        command("ip", "netns", "delete", network.name)
