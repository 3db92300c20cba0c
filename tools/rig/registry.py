"""A Docker registry on loopback, with one account per role."""

import contextlib
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import bcrypt
import docker
from docker.errors import DockerException

from tools.rig import layers
from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.folders import CACHE
from tools.rig.process import Process, port_setting
from tools.rig.service import Service

ROLES = ("publisher", "server", "node")
DEFAULT_PORT = 5050
# The passwords are 256 random bits, which need no slow hash; and the registry
# computes one for every request of every pull.
BCRYPT_ROUNDS = 4


def configured_port() -> int:
    """The demo's port, which PTM_REGISTRY_PORT moves."""
    return port_setting("PTM_REGISTRY_PORT", DEFAULT_PORT)


class Registry(Service):
    """Images pushed here stay in `folder`, and so do the accounts' passwords."""

    taken_advice = "; set PTM_REGISTRY_PORT to a free one"

    def __init__(
        self, folder: Path, port: int, kept_layers: Path = CACHE / "layers"
    ) -> None:
        super().__init__(folder, port)
        self.passwords: Mapping[str, str] = {}
        self.kept_layers = kept_layers

    @property
    def host(self) -> str:
        """The name that image references begin with; Docker trusts it without TLS."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def auth(self, role: str) -> dict[str, str]:
        """What the Docker SDK calls auth_config."""
        return {"username": role, "password": self.passwords[role]}

    def push(
        self, client: docker.DockerClient, image: str, repository: str, tag: str
    ) -> str:
        """Push a local image; the reference by digest under which nodes pull it."""
        name = f"{self.host}/{repository}"
        try:
            client.images.get(image).tag(name, tag)
            self.lend(repository)
            digest = self._push(client, name, tag)
            layers.keep(self.kept_layers, self._storage)
        except DockerException as error:
            raise RigError(f"{image} could not be pushed: {error}.") from error
        return f"{name}@{digest}"

    def lend(self, repository: str) -> None:
        """Give it the large layers that any registry of the rig was sent before."""
        layers.lend(self.kept_layers, self._storage, repository)

    def _push(self, client: docker.DockerClient, name: str, tag: str) -> str:
        account = self.auth("publisher")
        try:
            lines = client.images.push(
                name, tag, auth_config=account, stream=True, decode=True
            )
            return _pushed_digest(lines)
        finally:
            # The engine forgets this name, so that a later pull is a real one.
            client.images.remove(f"{name}:{tag}")

    def _prepare(self) -> Process:
        self.passwords = _kept_passwords(self.folder / "accounts.json")
        write_private(self.folder / "htpasswd", _htpasswd(self.passwords))
        config = self.folder / "config.yml"
        # JSON is YAML too.
        write_private(config, json.dumps(self._settings(), indent=2))
        command = ["docker-registry", "serve", str(config)]
        log = self.folder / "registry.log"
        return Process("The Docker registry", command, log=log)

    @property
    def _storage(self) -> Path:
        return self.folder / "data"

    def _settings(self) -> dict[str, Any]:
        files = {"rootdirectory": str(self._storage)}
        accounts = {"realm": "PyTaskManager", "path": str(self.folder / "htpasswd")}
        address = f"127.0.0.1:{self.port}"
        return {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": files, "delete": {"enabled": True}},
            "auth": {"htpasswd": accounts},
            "http": {"addr": address, "secret": secrets.token_hex(32)},
        }

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/v2/", timeout=5):  # noqa: S310
                return False  # an open registry is not the one we configured
        except HTTPError as error:
            return error.code == 401
        except OSError:
            return False


def _kept_passwords(file: Path) -> Mapping[str, str]:
    """The accounts of an earlier run, or new ones."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        kept = json.loads(file.read_text())
        if isinstance(kept, dict) and set(kept) == set(ROLES):
            return kept
    passwords = {role: secrets.token_urlsafe(32) for role in ROLES}
    write_private(file, json.dumps(passwords, indent=2))
    return passwords


def _htpasswd(passwords: Mapping[str, str]) -> str:
    def line(role: str, password: str) -> str:
        salt = bcrypt.gensalt(BCRYPT_ROUNDS)
        return f"{role}:{bcrypt.hashpw(password.encode(), salt).decode()}\n"

    return "".join(line(role, password) for role, password in passwords.items())


def _pushed_digest(lines: Iterable[dict[str, Any]]) -> str:
    """The digest in a push's report, whose refusals raise nothing by themselves."""
    digest = None
    for line in lines:
        if "error" in line:
            raise RigError(f"The registry refused the image: {line['error']}.")
        digest = line.get("aux", {}).get("Digest", digest)
    if not isinstance(digest, str):
        raise RigError("The registry took the image and told no digest.")
    return digest
