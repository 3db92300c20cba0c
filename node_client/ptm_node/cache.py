"""Data that the node made for containers: one version of each source, kept privately.

A run is given hard links, which cost no space and no time, and which stay whole when
the cache has long moved on to another version.
"""

import shutil
import threading
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ptm_node.copies import link, remove

_HALF = "half"


class Cache:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def provide(
        self,
        source: str,
        version: str,
        build: Callable[[Path], None],
        place: Path,
        *,
        good_since: float = 0.0,
    ) -> None:
        """Puts the version of the source at `place`; builds it unless it is there.

        One that was built before `good_since` (in Unix time) is built anew. Whoever
        asks for it meanwhile waits and shares it. Other versions are removed.
        """
        name = _digest(source)
        built = self._folder / name / _digest(version)
        with self._locks[name]:
            if not built.exists() or built.stat().st_mtime < good_since:
                _build(built, build)
            link(built, place)

    def keep(self, sources: set[str]) -> None:
        """Removes what belongs to none of the sources, and what was left half made."""
        names = {_digest(source) for source in sources}
        for folder in self._folder.iterdir():
            if folder.name in names:
                remove(folder / _HALF)
            else:
                shutil.rmtree(folder)


def _build(target: Path, build: Callable[[Path], None]) -> None:
    folder = target.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    half = folder / _HALF
    remove(half)
    try:
        build(half)
    except BaseException:
        remove(half)
        raise
    for old in folder.iterdir():
        if old != half:
            remove(old)
    half.rename(target)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
