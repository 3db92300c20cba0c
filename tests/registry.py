"""A real Docker registry with images of no layers, pushed by its HTTP API."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import requests

from tools.rig.process import free_port
from tools.rig.registry import Registry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    with Registry(folder, free_port()) as registry:
        yield registry


def server_url(registry: Registry) -> str:
    """What REGISTRY_URL is on the server: the address with its account."""
    return f"http://server:{registry.passwords['server']}@{registry.host}"


def push_empty_image(registry: Registry, path: str, tag: str) -> str:
    """Push an image that has nothing but a configuration; return its digest."""
    session = requests.Session()
    session.auth = ("publisher", registry.passwords["publisher"])
    base = f"http://127.0.0.1:{registry.port}"
    blob = json.dumps({"image": path, "tag": tag}).encode()
    blob_digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    with session:
        begun = session.post(f"{base}/v2/{path}/blobs/uploads/", timeout=5)
        begun.raise_for_status()
        stored = session.put(
            urljoin(base, begun.headers["Location"]),
            params={"digest": blob_digest},
            data=blob,
            timeout=5,
        )
        stored.raise_for_status()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": blob_digest, "size": len(blob)},
            "layers": [],
        }
        pushed = session.put(
            f"{base}/v2/{path}/manifests/{tag}",
            data=json.dumps(manifest),
            headers={"Content-Type": MANIFEST},
            timeout=5,
        )
        pushed.raise_for_status()
    return str(pushed.headers["Docker-Content-Digest"])
