"""`ptm-node gc`: removes what no run of this node needs any more.

Beside a running daemon too. What there is, is listed first and what the journal holds
read second: whatever a run needs was in the journal before it was made.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound
from msgspec import Struct

from ptm_node.audit import Audit
from ptm_node.journal import Row
from ptm_node.runtimes.base import Runtime
from ptm_node.sections import Config
from ptm_node.status import open_journal

_LONG_FOR_AN_IMAGE = 86400.0


class Rubbish(Struct, frozen=True):
    """What was removed, or would be. Images share parts: their `size` is at most."""

    kind: str
    name: str
    size: int


class Collector:
    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        client: docker.APIClient,
        unused_for: float,
        *,
        dry_run: bool,
    ) -> None:
        self._state = Path(config.node.state)
        self._cache = config.limits.image_cache
        self._runtime = runtime
        self._client = client
        now = time.time()
        self._before = now - unused_for
        # The bound is one for images that are used each week, too.
        self._images_before = now - min(unused_for, _LONG_FOR_AN_IMAGE)
        self._dry_run = dry_run

    def collect(self) -> Iterator[Rubbish]:
        yield from self._containers()
        yield from self._files("spool")
        yield from self._files("work")
        yield from self._logs()
        yield from self._images()

    def _rows(self) -> list[Row]:
        with open_journal(self._state) as journal:
            return journal.rows()

    def _containers(self) -> Iterator[Rubbish]:
        found = self._runtime.recover()
        held = {row.key for row in self._rows()}
        for each in found:
            if each.handle.key in held:
                continue
            if self._dry_run or self._runtime.remove(each.handle):
                yield Rubbish("container", f"of run {each.handle.key}", 0)

    def _files(self, folder: str) -> Iterator[Rubbish]:
        place = self._state / folder
        found = list(place.iterdir()) if place.exists() else []
        held = {str(row.key) for row in self._rows()}
        for path in found:
            if path.name.removesuffix(".part") not in held:
                yield from self._remove(folder, path)

    def _logs(self) -> Iterator[Rubbish]:
        place = self._state / "logs"
        found = list(place.iterdir()) if place.exists() else []
        held = {f"{row.key}.log" for row in self._rows()}
        for path in found:
            if path.name not in held and self._is_old(path):
                yield from self._remove("log", path)

    def _is_old(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime < self._before
        except FileNotFoundError:
            return False  # the daemon was quicker

    def _remove(self, kind: str, path: Path) -> Iterator[Rubbish]:
        try:
            size = _size(path)
            if not self._dry_run:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            return  # the daemon was quicker
        yield Rubbish(kind, path.name, size)

    def _images(self) -> Iterator[Rubbish]:
        """Those that were not used for longest, until the rest is within the bound."""
        used = self._used()
        sizes = {image: self._size_here(image) for image in used}
        total = sum(sizes.values())
        held = {row.assignment.image for row in self._rows()}
        for image, last in sorted(used.items(), key=lambda each: each[1]):
            if total <= self._cache:
                return
            if last >= self._images_before or image in held or not sizes[image]:
                continue
            if self._dry_run or self._remove_image(image):
                total -= sizes[image]
                yield Rubbish("image", image, sizes[image])

    def _used(self) -> dict[str, float]:
        """Images that ran here, as the audit tells, and when they last did."""
        with closing(Audit(self._state / "audit.sqlite3")) as audit:
            last = audit.last_of_each("run.accepted", "image")
        return {image: datetime.fromisoformat(at).timestamp() for image, at in last}

    def _size_here(self, image: str) -> int:
        """0 if it is not here."""
        try:
            found = self._client.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return 0
        return int(found["Size"])

    def _remove_image(self, image: str) -> bool:
        try:
            self._client.remove_image(image)
        except APIError:  # a container of somebody else's uses it
            return False
        return True


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(each.lstat().st_size for each in path.rglob("*"))
    return path.stat().st_size
