"""A disk of a drill's own, which can become short of room and have it again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tools.drills.root import command, is_root

SIZE = 4 << 30  # bytes at most: it is memory, and taken as it fills


class Disk:
    """A file system of its own at the folder while the block lasts, if we are root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if is_root():
            options = f"size={SIZE},mode=700"
            command("mount", "-t", "tmpfs", "-o", options, "none", self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if is_root():
            command("umount", "--lazy", self.folder)

    @contextmanager
    def with_only(self, free: int) -> Iterator[None]:
        """It has so many bytes left, until the block ends."""
        used = shutil.disk_usage(self.folder).used
        self._resize(used + free)
        try:
            yield
        finally:
            self._resize(SIZE)

    def _resize(self, size: int) -> None:
        command("mount", "-o", f"remount,size={size}", self.folder)
