"""The Docker engine: does it answer, and may this user ask it."""

from collections.abc import Callable

import docker
import requests
from docker.errors import DockerException

from ptm_node.doctor.findings import Finding, failed, ok, warning

_OLDEST = (20, 10)


def reach(
    connect: Callable[[], docker.APIClient],
) -> tuple[docker.APIClient | None, list[Finding]]:
    try:
        client = connect()
        version = str(client.version()["Version"])
    except (DockerException, requests.RequestException, OSError) as error:
        return None, [_unreachable(error)]
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST:
        remedy = "install 20.10 or a newer one"
        return client, [warning("docker", f"the engine is old: {version}", remedy)]
    return client, [ok("docker", f"the engine answers, version {version}")]


def _unreachable(error: BaseException) -> Finding:
    causes = _text_of(error)
    if "PermissionError" in causes or "Permission denied" in causes:
        remedy = "add this user to the group `docker`, and sign in anew"
        return failed("docker", "this user may not use Docker's socket", remedy)
    remedy = "start it (`systemctl start docker`), or set DOCKER_HOST"
    return failed("docker", "no engine answers", remedy)


def _text_of(error: BaseException) -> str:
    parts = [repr(error)]
    cause = error.__cause__ or error.__context__
    return " ".join(parts + ([_text_of(cause)] if cause else []))
