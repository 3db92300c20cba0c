"""Has a query extracted by a process of its own, and judges how that ended."""

import logging
import re
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import msgspec

from ptm_node.config import read_secret
from ptm_node.copies import give
from ptm_node.errors import ConfigError, DaemonLeaving, RunFailure
from ptm_node.extraction import Answer, Order
from ptm_node.life import Life
from ptm_node.messages import Code
from ptm_node.sections import Sql

log = logging.getLogger(__name__)

_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
# What it may take to connect, and to end, beside the query itself.
_GRACE_SECONDS = 60.0
PROGRAM = [sys.executable, "-m", "ptm_node.extraction"]


class Extractor:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        life.on_leaving(self._end_all)

    def extract(self, label: str, database: Sql, query: str, target: Path) -> None:
        """Writes the rows of the query into a file. Raises RunFailure."""
        order = Order(
            url=url_of(label, database),
            query=query,
            format=database.format,
            target=str(target),
            max_rows=database.max_rows,
            max_bytes=int(database.max_size),
            seconds=float(database.time),
        )
        answer = self._run(order)
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

    def _run(self, order: Order) -> Answer:
        pipe = subprocess.PIPE
        with subprocess.Popen(
            PROGRAM,
            stdin=pipe,
            stdout=pipe,
            # What a driver prints could hold what nobody may read.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            with self._lock:
                self._running.add(process)
            try:
                if self._life.leaving.is_set():
                    self._end_all()
                return self._talk(process, order)
            finally:
                process.kill()
                with self._lock:
                    self._running.discard(process)

    def _talk(self, process: subprocess.Popen[bytes], order: Order) -> Answer:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        timer = threading.Timer(order.seconds + _GRACE_SECONDS, process.kill)
        timer.start()
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
            said = process.stdout.read()
        except BrokenPipeError:
            said = b""
        finally:
            timer.cancel()
        if self._life.leaving.is_set():
            raise DaemonLeaving("the daemon leaves")
        if said:
            return msgspec.json.decode(said, type=Answer)
        took_too_long = timer.finished.is_set() and process.poll() == -9
        return Answer("time" if took_too_long else "failed", "the process was ended")

    def _end_all(self) -> None:
        with self._lock:
            for process in self._running:
                process.kill()


_SENTENCES = {
    "failed": "the database {label} could not be read at this site",
    "install": "the database {label} could not be read at this site",
    "rows": "the database {label} gives more rows than this site allows"
    " ({database.max_rows})",
    "size": "the database {label} gives more data than this site allows"
    " ({database.max_size.in_words})",
    "time": "the database {label} took longer than this site allows"
    " ({database.time:g} seconds)",
}


def url_of(label: str, database: Sql) -> str:
    if database.uri is not None:
        return database.uri
    try:
        return read_secret(Path(database.uri_file or ""))
    except ConfigError as error:
        log.warning("%s", error)
        detail = _SENTENCES["failed"].format(label=label)
        raise RunFailure(Code.DATABASE_UNKNOWN, detail) from None


def version_of(label: str, database: Sql) -> str:
    """Which data it is: another password gives the same rows."""
    url = _PASSWORD.sub(r"\1@", url_of(label, database)).partition("?")[0]
    return sha256(url.encode()).hexdigest()


def source_of(database: Sql) -> str:
    """What the site says of it, as long as it says so."""
    place = database.uri or database.uri_file
    return repr(("sql", place, database.query, database.format))
