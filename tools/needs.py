"""What a machine has to have, and how to see that it has it.

For `tools/setup.py`, and so of Python's standard library alone.
"""

import contextlib
import http.client
import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKER_SOCKET = Path("/var/run/docker.sock")
APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
POSTGRES = Path("/usr/lib/postgresql")
INTER = Path("/usr/share/fonts/opentype/inter")


@dataclass(frozen=True)
class Need:
    """Something that a Debian package brings."""

    package: str
    is_met: Callable[[], bool]


def has_program(name: str) -> bool:
    # Debian keeps daemons in the sbin folders, which are not on every path.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path) is not None


def has_docker() -> bool:
    """An engine that we could start, or one that answers."""
    return has_program("dockerd") or engine_answers(DOCKER_SOCKET)


def engine_answers(path: Path) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as link:
        link.settimeout(5)
        try:
            link.connect(str(path))
            link.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            response = http.client.HTTPResponse(link)
            response.begin()
        except (OSError, http.client.HTTPException):
            return False
        return response.status == 200


def has_apparmor_parser() -> bool:
    """Docker starts no container without it where the kernel uses AppArmor."""
    used = APPARMOR.exists() and APPARMOR.read_text().startswith("Y")
    return not used or has_program("apparmor_parser")


def has_venv() -> bool:
    # Debian's Python has the module venv, and what fills one in another package.
    made = (ROOT / ".venv" / "bin" / "python").exists()
    return made or importlib.util.find_spec("ensurepip") is not None


VENV_NEED = Need("python3-venv", has_venv)
DEMO_NEEDS = (
    Need("docker.io", has_docker),
    Need("apparmor", has_apparmor_parser),
    Need("docker-registry", lambda: has_program("docker-registry")),
    Need("debootstrap", lambda: has_program("debootstrap")),
    Need("ca-certificates", CERTIFICATES.exists),
)
TEST_NEEDS = (
    Need("postgresql", lambda: any(POSTGRES.glob("*/bin/initdb"))),
    Need("mariadb-server", lambda: has_program("mariadbd")),
    Need("redis-server", lambda: has_program("redis-server")),
    Need("runsc", lambda: has_program("runsc")),
    Need("iproute2", lambda: has_program("ip")),
    Need("iptables", lambda: has_program("iptables")),
    Need("chromium-headless-shell", lambda: has_program("chromium-headless-shell")),
    Need("fonts-inter", INTER.exists),
    Need("nginx-light", lambda: has_program("nginx")),
    Need("curl", lambda: has_program("curl")),
)
PROFILES: Mapping[str, Sequence[Need]] = {
    "check": (VENV_NEED,),
    "demo": (VENV_NEED, *DEMO_NEEDS),
    "test": (VENV_NEED, *DEMO_NEEDS, *TEST_NEEDS),
}
