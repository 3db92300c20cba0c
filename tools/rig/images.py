"""The base image of the algorithms, and images built from their folders."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import BuildError, DockerException, ImageNotFound
from docker.models.images import Image

from tools.rig.errors import RigError
from tools.rig.folders import CACHE
from tools.rig.standin import make_standin

BASE_IMAGE = "python:3.11-slim"
STANDIN_IMAGE = "ptm/python:3.11-slim-standin"
STANDIN_FILE = "python-3.11-slim-standin.tar"
CONTENT_LABEL = "ptm.content"
OFFER_SECONDS = 15


def ensure_base_image(client: docker.DockerClient, cache: Path = CACHE) -> str:
    """The name of a Python 3.11 image that the engine holds.

    It is the official one where that can be pulled. Elsewhere root gets a stand-in
    made of Debian packages, kept as a file too: an engine forgets what is pruned.
    """
    for name in (BASE_IMAGE, STANDIN_IMAGE):
        if _has_image(client, name):
            return name
    kept = cache / STANDIN_FILE
    if not kept.exists():
        if _pull(client, BASE_IMAGE):
            return BASE_IMAGE
        make_standin(kept)
    _import(client, kept, STANDIN_IMAGE)
    return STANDIN_IMAGE


def build(
    client: docker.DockerClient,
    folder: Path,
    tag: str,
    base: str,
    *,
    dockerfile: Path | None = None,
    of: Sequence[Path] = (),
    prepare: Callable[[], None] = lambda: None,
) -> str:
    """Build `folder` on `base` unless that was done already; the image's id.

    `of` are the parts that decide that, if it is not all of the folder; `prepare` is
    called before it is built.
    """
    base_id = str(client.images.get(base).id)
    content = "".join(content_hash(part, base_id) for part in of or [folder])
    before = client.images.get(tag) if _has_image(client, tag) else None
    if before is not None and before.labels.get(CONTENT_LABEL) == content:
        return str(before.id)
    prepare()
    options = {
        "buildargs": {"PYTHON_IMAGE": base},
        "labels": {CONTENT_LABEL: content},
        "dockerfile": dockerfile and str(dockerfile),
    }
    image = _build(client, folder, tag, options)
    if before is not None:
        _remove_unnamed(client, str(before.id))
    return str(image.id)


def _build(
    client: docker.DockerClient, folder: Path, tag: str, options: dict[str, Any]
) -> Image:
    try:
        image, _ = client.images.build(
            path=str(folder),
            tag=tag,
            network_mode="host",
            rm=True,
            forcerm=True,
            **options,
        )
    except BuildError as error:
        said = "".join(line.get("stream", "") for line in error.build_log)
        raise RigError(f"{folder} could not be built: {error}.\n{said}") from error
    except DockerException as error:
        raise RigError(f"{folder} could not be built: {error}.") from error
    return image


def _remove_unnamed(client: docker.DockerClient, image_id: str) -> None:
    """Remove what a newer image has replaced, unless something still uses it."""
    with contextlib.suppress(DockerException):
        image = client.images.get(image_id)
        if not image.tags and not image.attrs["RepoDigests"]:
            image.remove()


def content_hash(folder: Path, base_id: str) -> str:
    """Changes with any file's name, bytes or mode, and with the base image."""
    entries = [
        (str(path.relative_to(folder)), path.stat().st_mode, _hash_of(path))
        for path in sorted(_files_of(folder))
    ]
    return hashlib.sha256(json.dumps([base_id, entries]).encode()).hexdigest()


def _files_of(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _has_image(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, name: str) -> bool:
    """Whether the image could be pulled."""
    if not _offered(client, name):
        return False
    repository, _, tag = name.rpartition(":")
    with contextlib.suppress(DockerException):
        client.images.pull(repository, tag)
    return _has_image(client, name)


def _offered(client: docker.DockerClient, name: str) -> bool:
    """Whether the image's registry answers soon: a pull itself has no time limit."""
    patience = client.api.timeout
    client.api.timeout = OFFER_SECONDS
    try:
        client.images.get_registry_data(name)
    except (DockerException, requests.RequestException):
        return False
    finally:
        client.api.timeout = patience
    return True


def _import(client: docker.DockerClient, file: Path, name: str) -> None:
    """Make an image of a root file system; the engine names it only when whole."""
    repository, _, tag = name.rpartition(":")
    changes = ["ENV LANG C.UTF-8", 'CMD ["python3"]']
    try:
        client.api.import_image_from_file(str(file), repository, tag, changes=changes)
    except DockerException as error:
        raise RigError(f"{file} could not be imported: {error}.") from error
