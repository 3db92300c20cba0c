"""What containers read: the site's own files, or what the node made of its data.

A container runs as a user without rights, so a file that only its owner may read is
copied. It has no network, so the rows of a database are extracted into a file. Both are
kept in the node's private cache. The site's own data is never changed.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ptm_node import copies, extracts
from ptm_node.cache import Cache
from ptm_node.errors import RunFailure
from ptm_node.extracts import Extractor
from ptm_node.life import Life
from ptm_node.messages import Code
from ptm_node.relays import place_of
from ptm_node.sections import Config, Database, Direct, Excel, FileDatabase, Sql

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
    def __init__(self, folder: Path, config: Config, life: Life) -> None:
        self._cache = Cache(folder)
        self._life = life
        self._extractor = Extractor(life)
        self._kept = set(map(_cached_as, config.databases.values()))
        self._cache.keep(self._kept)

    def provide(
        self,
        databases: Mapping[str, Database],
        folder: Path,
        before_query: Callable[[], object],
    ) -> dict[str, Source]:
        """By label; what is not read where it lies is put into the run's folder.

        `before_query` returns when a database may be asked, or raises. Raises
        RunFailure.
        """
        found = {}
        for label, database in databases.items():
            place = folder / f"data-{label}"
            if isinstance(database, FileDatabase):
                found[label] = self._file(label, database, place)
            elif isinstance(database, Sql):
                before_query()
                self._extract(label, database, place)
                found[label] = Source(place, database.seen_as, f".{database.format}")
            elif isinstance(database, Direct):
                found[label] = Source(place_of(folder, label), database.seen_as, "")
        return found

    def _file(self, label: str, database: FileDatabase, place: Path) -> Source:
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

    def _extract(self, label: str, database: Sql, place: Path) -> None:
        def build(target: Path) -> None:
            self._extractor.extract(label, database, database.query, target)

        source = _cached_as(database)
        if source not in self._kept:  # a researcher's query
            build(place)
            return
        self._cache.provide(
            source,
            extracts.version_of(label, database),
            build,
            place,
            good_since=self._life.clock.now() - database.refresh,
        )


def _cached_as(database: Database) -> str:
    """Its name in the cache."""
    if isinstance(database, Sql):
        return extracts.source_of(database)
    return database.uri if isinstance(database, FileDatabase) else ""
