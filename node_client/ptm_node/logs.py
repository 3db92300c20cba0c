"""The logs of containers: kept at the site, within bounds."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ptm_node.errors import RunFailure
from ptm_node.messages import Key
from ptm_node.runtimes.base import Handle, Runtime

log = logging.getLogger(__name__)

_KEPT_FILES = 200
_NAME = re.compile(r"(\d+)-(\d+)\.log")


class LogFolder:
    """One file per attempt; the oldest make room for new ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def path(self, key: Key) -> Path:
        return self._folder / f"{key}.log"

    def keys(self) -> list[Key]:
        """The attempts whose logs are kept, in their order."""
        found = map(_NAME.fullmatch, (path.name for path in self._folder.iterdir()))
        return sorted(Key(int(name[1]), int(name[2])) for name in found if name)

    def make_room(self) -> None:
        for _, path in sorted(self._ages())[: -_KEPT_FILES + 1]:
            path.unlink(missing_ok=True)

    def _ages(self) -> Iterator[tuple[float, Path]]:
        for path in self._folder.iterdir():
            # Another attempt may be making room at the same moment.
            with suppress(FileNotFoundError):
                yield path.stat().st_mtime, path


class LogKeeper:
    """Follows one container's log into its file until the end, or the bound."""

    def __init__(
        self,
        runtime: Runtime,
        handle: Handle,
        path: Path,
        limit: int,
        on_growth: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._handle = handle
        self._path = path
        self._limit = limit
        self._on_growth = on_growth
        self._thread = threading.Thread(
            target=self._follow, name=f"log-{handle.key}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Lets the last lines arrive before the container is removed."""
        self._thread.join(seconds)

    def _follow(self) -> None:
        try:
            with (
                self._path.open("wb", buffering=0) as file,
                self._runtime.logs(self._handle) as pieces,
            ):
                for piece in pieces:
                    left = self._limit - file.tell()
                    file.write(piece[:left])
                    self._on_growth()
                    if len(piece) >= left:
                        return
        except (RunFailure, OSError) as error:
            log.warning("the log of run %s is incomplete: %s", self._handle.key, error)
