"""What columns the site's databases have, as far as they are announced.

They are looked at again when a file has changed, and those of a query as often as its
rows are fetched anew: a stale announcement would have good tasks refused.
"""

import logging
import math
from pathlib import Path
from typing import NamedTuple

import msgspec

from ptm_node import copies
from ptm_node.describing import Description, Look
from ptm_node.errors import ConfigError, DaemonLeaving
from ptm_node.extracts import GRACE_SECONDS, secret_url
from ptm_node.life import Life
from ptm_node.messages import Column
from ptm_node.programs import Programs
from ptm_node.sections import Config, Database, Excel, FileDatabase, Sql

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0
# A database that could not be asked may be there again.
_AGAIN_SECONDS = 600.0
_FILE_SECONDS = 60.0
_WITH_COLUMNS = ("csv", "parquet", "excel", "sql")
# All together: a hello that is too large would be refused as a whole.
_MOST_BYTES = 400_000


class Describer:
    """Has a program of its own look at a database."""

    def __init__(self, life: Life) -> None:
        self._programs = Programs(life)

    def describe(self, database: Database) -> Description:
        """Raises DaemonLeaving."""
        if isinstance(database, Sql):
            try:
                url = secret_url(database)
            except ConfigError as error:
                return Description(problem=str(error))
            seconds = float(database.time)
            look = Look("sql", url=url, query=database.query, seconds=seconds)
            return self._ask(look, seconds + GRACE_SECONDS)
        assert isinstance(database, FileDatabase)  # noqa: S101
        sheet = database.sheet if isinstance(database, Excel) else None
        return self._ask(Look(database.type, database.uri, sheet), _FILE_SECONDS)

    def _ask(self, look: Look, seconds: float) -> Description:
        said = self._programs.run("ptm_node.describing", look, seconds)
        if said.answer:
            return msgspec.json.decode(said.answer, type=Description)
        why = "it took too long" if said.too_late else "the process was ended"
        return Description(problem=why)


class _Seen(NamedTuple):
    version: str
    good_until: float
    found: Description
    size: int


class Columns:
    def __init__(self, config: Config, life: Life) -> None:
        self._databases = shared(config)
        self._life = life
        self._describer = Describer(life)
        self._seen: dict[str, _Seen] = {}

    @property
    def are_shared(self) -> bool:
        return bool(self._databases)

    def of(self, label: str) -> list[Column] | None:
        seen = self._seen.get(label)
        return seen.found.columns if seen else None

    def step(self) -> None:
        try:
            self.look()
        except DaemonLeaving:
            return
        self._life.pause(self._life.clock.spread(LOOK_SECONDS))

    def look(self) -> None:
        """Looks at each database that may have changed. Raises DaemonLeaving."""
        for label, database in self._databases.items():
            # Before the look: what changes during it is looked at again.
            version = _version(database)
            seen = self._seen.get(label)
            now = self._life.clock.monotonic()
            if seen and seen.version == version and now < seen.good_until:
                continue
            found = self._describer.describe(database)
            self._take(label, database, version, found)

    def _take(
        self, label: str, database: Database, version: str, found: Description
    ) -> None:
        before = self._seen.get(label)
        others = sum(s.size for name, s in self._seen.items() if name != label)
        size = len(msgspec.json.encode(found.columns)) * len(database.collaborations)
        if size + others > _MOST_BYTES:
            problem = "the columns of all databases are too many to announce"
            found, size = Description(problem=problem), 0
        until = self._life.clock.monotonic() + _lasts(database, found)
        self._seen[label] = _Seen(version, until, found, size)
        if found.problem and not (before and before.found.problem == found.problem):
            log.warning(
                "the columns of the database %s are not announced: %s",
                label,
                found.problem,
            )


def shared(config: Config) -> dict[str, Database]:
    """The databases whose columns the site announces, by label."""
    return {
        label: database
        for label, database in config.databases.items()
        if config.policy.share_columns
        and database.collaborations
        and database.type in _WITH_COLUMNS
    }


def _version(database: Database) -> str:
    """Of the file; nothing tells when the rows of a query change."""
    if not isinstance(database, FileDatabase):
        return ""
    try:
        return copies.version_of(Path(database.uri))
    except OSError as error:
        return str(error)


def _lasts(database: Database, found: Description) -> float:
    if not isinstance(database, Sql):
        return math.inf
    refresh = float(database.refresh)
    return min(refresh, _AGAIN_SECONDS) if found.problem else refresh
