"""The paths that the node hands to Docker, if the node itself is in a container."""

from collections.abc import Iterator
from contextlib import suppress

import docker
import requests
from docker.errors import DockerException

from ptm_node.doctor.findings import Finding, failed, ok
from ptm_node.errors import ConfigError
from ptm_node.runtimes.docker_paths import Paths, own_containers
from ptm_node.runtimes.docker_watch import connect
from ptm_node.sections import Config

_CHECK = "paths"
_REMEDY = "mount it into the node's container, at the path that it has on the machine"


def check(client: docker.APIClient, config: Config) -> Iterator[Finding]:
    paths = Paths.as_seen_by(client)
    if not paths.in_container:
        return
    problems = list(_problems(paths, config))
    for problem in problems:
        yield failed(_CHECK, problem, _REMEDY)
    if not problems:
        what = "the node is in a container, and Docker sees its files at the same paths"
        yield ok(_CHECK, what)


def require(config: Config) -> None:
    """Raises ConfigError, unless the engine does not answer: each run asks again."""
    if not own_containers():
        return
    with (
        suppress(DockerException, requests.RequestException, OSError),
        connect() as client,
    ):
        for problem in _problems(Paths.as_seen_by(client), config):
            raise ConfigError(f"{problem}: {_REMEDY}.")


def _problems(paths: Paths, config: Config) -> Iterator[str]:
    for setting, path in config.mounted:
        if not paths.same(path):
            yield f"{setting}: Docker does not find {path} where the node does"
