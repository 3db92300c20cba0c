"""Large layers that a registry was sent, lent to the next: sent once, not each time.

The engine compresses a layer anew for each registry that lacks it, which takes longer
than all else in a push; but it knows the digest, and asks for that first.
"""

import contextlib
import os
from pathlib import Path

LARGE = 1024**2  # a smaller one is sent in no time
STORE = Path("docker", "registry", "v2")


def keep(layers: Path, storage: Path) -> None:
    """Keep what was sent: a second name of the registry's own file."""
    layers.mkdir(parents=True, exist_ok=True)
    for blob in (storage / STORE / "blobs" / "sha256").glob("*/*/data"):
        if blob.stat().st_size >= LARGE:
            _link(blob, layers / blob.parent.name)


def lend(layers: Path, storage: Path, repository: str) -> None:
    """Give this repository what is kept, as if it had been sent."""
    for kept in layers.glob("*"):
        blob = storage / STORE / "blobs" / "sha256" / kept.name[:2] / kept.name / "data"
        if _link(kept, blob):
            own = storage / STORE / "repositories" / repository / "_layers" / "sha256"
            (own / kept.name).mkdir(parents=True, exist_ok=True)
            (own / kept.name / "link").write_text(f"sha256:{kept.name}")


def _link(file: Path, name: Path) -> bool:
    """Whether it is there; on another file system it is not, and is sent as ever."""
    name.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        os.link(file, name)
    return name.exists()
