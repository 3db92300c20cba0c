"""Pulls an image by its digest, and says who is to blame if that fails."""

import logging
import re
from typing import Any

import docker
from docker.errors import APIError

from ptm_node.errors import RunFailure
from ptm_node.messages import Code
from ptm_node.progress import Progress
from ptm_node.runtimes.base import Credentials

log = logging.getLogger(__name__)

_REFUSED = re.compile("unauthorized|denied|credentials|authentication", re.IGNORECASE)
_ABSENT = re.compile("manifest unknown|not found|name unknown", re.IGNORECASE)
_FULL = re.compile("no space left", re.IGNORECASE)


def pull(
    client: docker.APIClient,
    image: str,
    credentials: Credentials | None,
    progress: Progress,
) -> None:
    """Raises RunFailure. Docker itself checks the bytes against the digest."""
    repository, _, digest = image.partition("@")
    # An empty sign-in, not None: that would send what ~/.docker/config.json holds.
    sign_in = {}
    if credentials is not None:
        sign_in = {
            "username": credentials.username,
            "password": credentials.password,
        }
    log.info("pulling %s", image)
    layers: dict[str, tuple[int, int]] = {}
    try:
        for line in client.pull(
            repository, tag=digest, auth_config=sign_in, stream=True, decode=True
        ):
            if "error" in line:
                raise failure(repository, str(line["error"]))
            _note(layers, line)
            if layers:
                done, total = map(sum, zip(*layers.values(), strict=True))
                progress.tell(f"pull {repository}", done, total)
    except APIError as error:
        raise failure(repository, str(error.explanation)) from None
    finally:
        progress.end(f"pull {repository}")
    log.info("pulled %s", image)


def _note(layers: dict[str, tuple[int, int]], line: dict[str, Any]) -> None:
    """How much of a layer has come; unpacking it is told in other lines."""
    detail = line.get("progressDetail") or {}
    if line.get("status") == "Downloading" and detail.get("total"):
        layers[str(line["id"])] = int(detail["current"]), int(detail["total"])
    elif line.get("status") == "Download complete" and line["id"] in layers:
        total = layers[line["id"]][1]
        layers[line["id"]] = total, total


def failure(repository: str, reason: str) -> RunFailure:
    """Sorts the engine's words, and keeps them in the site's log."""
    log.warning("pull failed: %s", reason)
    registry = repository.split("/")[0]
    if _FULL.search(reason):
        detail = "no room for the image at this site"
        return RunFailure(Code.DISK_FULL, detail, retry=True)
    if _REFUSED.search(reason):
        detail = f"the registry {registry} does not let this node in"
        return RunFailure(Code.REGISTRY_UNREACHABLE, detail)
    if _ABSENT.search(reason):
        detail = f"the registry {registry} does not have this image"
        return RunFailure(Code.IMAGE_NOT_FOUND, detail)
    detail = f"the registry {registry} does not answer"
    return RunFailure(Code.REGISTRY_UNREACHABLE, detail, retry=True)
