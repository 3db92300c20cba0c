"""Has a query extracted by a process of its own, and judges how that ended."""

import logging
import re
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ptm_node.config import read_secret
from ptm_node.copies import give
from ptm_node.errors import ConfigError, RunFailure
from ptm_node.extraction import Answer, Order
from ptm_node.life import Life
from ptm_node.messages import Code
from ptm_node.programs import Programs
from ptm_node.sections import Sql

log = logging.getLogger(__name__)

_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
# What it may take to connect, and to end, beside the query itself.
GRACE_SECONDS = 60.0
PROGRAM = "ptm_node.extraction"


class Extractor:
    def __init__(self, life: Life) -> None:
        self._programs = Programs(life)

    def extract(self, label: str, database: Sql, query: str, target: Path) -> None:
        """Writes the rows of the query into a file. Raises RunFailure."""
        answer = self._run(_order(url_of(label, database), database, query, target))
        if answer.problem:
            log.warning(
                "the database %s could not be extracted (%s): %s",
                label,
                answer.problem,
                answer.detail,
            )
            detail = _SENTENCES[answer.problem].format(label=label, database=database)
            raise RunFailure(Code.DATABASE_UNKNOWN, detail)
        log.info("extracted %d rows of the database %s", answer.rows, label)
        give(target)

    def try_out(self, database: Sql, target: Path, seconds: float) -> Answer:
        """Writes the first row of the site's query. Raises ConfigError."""
        order = _order(secret_url(database), database, database.query, target)
        return self._run(replace(order, seconds=seconds, first_row_only=True))

    def _run(self, order: Order) -> Answer:
        said = self._programs.run(PROGRAM, order, order.seconds + GRACE_SECONDS)
        if said.answer:
            return msgspec.json.decode(said.answer, type=Answer)
        return Answer("time" if said.too_late else "failed", "the process was ended")


_UNREAD = "the database {label} could not be read at this site"
_SENTENCES = {
    "away": _UNREAD,
    "failed": _UNREAD,
    "install": _UNREAD,
    "rows": "the database {label} gives more rows than this site allows"
    " ({database.max_rows})",
    "size": "the database {label} gives more data than this site allows"
    " ({database.max_size.in_words})",
    "time": "the database {label} took longer than this site allows"
    " ({database.time:g} seconds)",
}


def url_of(label: str, database: Sql) -> str:
    try:
        return secret_url(database)
    except ConfigError as error:
        log.warning("%s", error)
        detail = _UNREAD.format(label=label)
        raise RunFailure(Code.DATABASE_UNKNOWN, detail) from None


def secret_url(database: Sql) -> str:
    """Raises ConfigError."""
    if database.uri is not None:
        return database.uri
    return read_secret(Path(database.uri_file or ""))


def _order(url: str, database: Sql, query: str, target: Path) -> Order:
    return Order(
        url=url,
        query=query,
        format=database.format,
        target=str(target),
        max_rows=database.max_rows,
        max_bytes=int(database.max_size),
        seconds=float(database.time),
    )


def version_of(label: str, database: Sql) -> str:
    """Which data it is: another password gives the same rows."""
    url = _PASSWORD.sub(r"\1@", url_of(label, database)).partition("?")[0]
    return sha256(url.encode()).hexdigest()


def source_of(database: Sql) -> str:
    """What the site says of it, as long as it says so."""
    place = database.uri or database.uri_file
    return repr(("sql", place, database.query, database.format))
