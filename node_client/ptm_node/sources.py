"""What containers read: the site's own files, or a private copy in the node's cache.

A container runs as a user without rights, so a file that only its owner may read is
copied. The site's own file is never changed.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ptm_node import copies
from ptm_node.cache import Cache
from ptm_node.errors import RunFailure
from ptm_node.messages import Code
from ptm_node.sections import Config, Database, Excel, FileDatabase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder as one container sees it."""

    path: Path
    type: str
    # Of the name that it has in the container.
    suffixes: str
    sheet: str | None = None


class Sources:
    def __init__(self, folder: Path, config: Config) -> None:
        self._cache = Cache(folder)
        databases = config.databases.values()
        self._cache.keep({d.uri for d in databases if isinstance(d, FileDatabase)})

    def provide(
        self, databases: Mapping[str, Database], folder: Path
    ) -> dict[str, Source]:
        """By label; what is not read where it lies is put into the run's folder.

        Raises RunFailure.
        """
        return {
            label: self._provide(label, database, folder / f"data-{label}")
            for label, database in databases.items()
        }

    def _provide(self, label: str, database: Database, place: Path) -> Source:
        if not isinstance(database, FileDatabase):
            raise TypeError(f"a database of type {database.type}")
        path = Path(database.uri)
        try:
            if copies.needs_copy(path):
                self._copy(database.uri, place)
                path = place
        except copies.Changing:
            detail = f"the database {label} was changed while it was read"
            raise RunFailure(Code.DATABASE_UNKNOWN, detail) from None
        except (PermissionError, FileNotFoundError) as error:
            log.warning("the database %s cannot be read: %s", label, error)
            detail = f"the database {label} cannot be opened at this site"
            raise RunFailure(Code.DATABASE_UNKNOWN, detail) from None
        return Source(
            path=path,
            type=database.seen_as,
            suffixes="".join(Path(database.uri).suffixes),
            sheet=database.sheet if isinstance(database, Excel) else None,
        )

    def _copy(self, uri: str, place: Path) -> None:
        path = Path(uri)
        version = copies.version_of(path)

        def build(target: Path) -> None:
            copies.copy(path, target)
            if copies.version_of(path) != version:
                raise copies.Changing

        self._cache.provide(uri, version, build, place)
