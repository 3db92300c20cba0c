"""Asks the Docker registry which digest a tag has now, and whether a digest exists."""

import logging
from urllib.parse import urlsplit

import requests
from django.conf import settings

from apps.algorithms.images import ImageReference
from apps.errors import Invalid, Refusal

logger = logging.getLogger(__name__)

TIMEOUT = (3.05, 10)
ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    )
)


def resolve_digest(image: ImageReference) -> str:
    """Return the digest that the registry holds for the reference's tag or digest.

    Raises Invalid (`image_not_found`) or Refusal (`registry_unreachable`, 503).
    """
    registry = urlsplit(settings.REGISTRY_URL)
    if image.host != registry.netloc.rpartition("@")[2]:
        raise _not_found("The image is not in this platform's registry.")
    wanted = image.digest or image.tag or "latest"
    response = _head(f"{image.path}/manifests/{wanted}")
    if response.status_code == 404:
        raise _not_found("The registry has no such image.")
    digest = response.headers.get("Docker-Content-Digest", "")
    if not response.ok or not digest.startswith("sha256:"):
        logger.warning("The registry answered %s", response.status_code)
        raise _unreachable()
    return digest


def _head(path: str) -> requests.Response:
    registry = urlsplit(settings.REGISTRY_URL)
    host = registry.netloc.rpartition("@")[2]
    auth = (registry.username or "", registry.password or "")
    try:
        return requests.head(
            f"{registry.scheme}://{host}/v2/{path}",
            headers={"Accept": ACCEPT},
            auth=auth if registry.username else None,
            timeout=TIMEOUT,
        )
    except requests.RequestException as error:
        logger.warning("The registry cannot be reached: %s", type(error).__name__)
        raise _unreachable() from error


def _not_found(detail: str) -> Invalid:
    return Invalid("image", "image_not_found", detail)


def _unreachable() -> Refusal:
    return Refusal(
        "registry_unreachable",
        "The registry does not answer at the moment; try again.",
        status=503,
    )
