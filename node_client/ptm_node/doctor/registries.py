"""Each registry that the configuration names, as the engine reaches it."""

import re
from collections.abc import Iterator
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from ptm_node.config import read_secret
from ptm_node.doctor.findings import Finding, failed, ok
from ptm_node.errors import ConfigError
from ptm_node.messages import Code
from ptm_node.runtimes.docker_pull import failure
from ptm_node.sections import Config, RegistryLogin

_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?")
# No registry has it; whether one answers shows in what is said of it.
_NOBODYS = "ptm-node/doctor"


def check(client: docker.APIClient, config: Config) -> Iterator[Finding]:
    for host in sorted({*config.registry, *_hosts(config)}):
        login = config.registry.get(host)
        yield _sign_in(client, host, login) if login else _look(client, host)


def _hosts(config: Config) -> Iterator[str]:
    policy = config.policy
    for pattern in [*policy.images, *(i for r in policy.rules for i in r.images or ())]:
        host, slash, _ = pattern.partition("/")
        if slash and _HOST.fullmatch(host):
            yield host


def _sign_in(client: docker.APIClient, host: str, login: RegistryLogin) -> Finding:
    check = f"registry {host}"
    try:
        password = read_secret(Path(login.password_file))
        client.login(login.username, password, registry=host, reauth=True)
    except ConfigError as error:
        return failed(check, str(error).rstrip("."), "correct the file")
    except (DockerException, requests.RequestException) as error:
        return _failed(check, host, error)
    return ok(check, f"it lets {login.username} in")


def _look(client: docker.APIClient, host: str) -> Finding:
    check = f"registry {host}"
    try:
        client.inspect_distribution(  # type: ignore[no-untyped-call]
            f"{host}/{_NOBODYS}", auth_config={}
        )
    except (DockerException, requests.RequestException) as error:
        if _blame(host, error) is Code.IMAGE_NOT_FOUND or _let_in(error):
            return ok(check, "it answers, without a sign-in of this node")
        return _failed(check, host, error)
    return ok(check, "it answers")


def _let_in(error: Exception) -> bool:
    """Whether the registry said no, which it can only do if it answers."""
    return bool(re.search("unauthorized|denied|no basic auth", str(error), re.I))


def _failed(check: str, host: str, error: Exception) -> Finding:
    if _blame(host, error) is Code.REGISTRY_UNREACHABLE and _let_in(error):
        remedy = f'correct [registry] "{host}": user name, or the password\'s file'
        return failed(check, "it does not accept the sign-in", remedy)
    remedy = "look at name, port, certificate and the engine's proxy settings"
    return failed(check, "the engine does not reach it", remedy)


def _blame(host: str, error: Exception) -> Code:
    return failure(host, str(error)).code
