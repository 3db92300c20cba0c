"""A program of its own: reads a query's rows and writes them into a file.

A driver that hangs, leaks or crashes does not harm the daemon, and the daemon stays
small: none of this is loaded there. The order, with the secret, comes by stdin as one
line of JSON; the answer goes to stdout. When the daemon ends, stdin ends, and so does
this.
"""

import contextlib
import errno
import os
import re
import resource
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

BATCH_ROWS = 2000
_CONNECT_SECONDS = 10
# MariaDB ends a transaction, read-only or not, at a statement that defines something.
_QUESTION = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
# Percent signs and colons are as the site wrote them.
_STREAMED = {"stream_results": True, "no_parameters": True}


class Order(Struct, frozen=True):
    url: str
    query: str
    format: str
    target: str
    max_rows: int
    max_bytes: int
    seconds: float
    first_row_only: bool = False

    def __repr__(self) -> str:
        """Without the URL, which is a secret."""
        return f"Order({self.format!r}, {self.target!r})"


class Answer(Struct, frozen=True):
    """`problem` is empty, away, rows, size, time, install or failed; `detail` is for
    the site's own log, without the password.
    """

    problem: str = ""
    detail: str = ""
    rows: int = 0


class TooManyRows(Exception):
    pass


class _Away(Exception):
    """No database was reached by this URL, or it let nobody in."""


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=end_with_daemon, daemon=True).start()
    # No file becomes larger: then there is an error, and no signal.
    resource.setrlimit(resource.RLIMIT_FSIZE, (order.max_bytes, order.max_bytes))
    sys.stdout.buffer.write(msgspec.json.encode(extract(order)))
    sys.stdout.buffer.flush()
    # Without a goodbye: Python would wait for the thread that reads stdin, and abort.
    os._exit(0)


def extract(order: Order) -> Answer:
    from ptm_node.extract_files import WRITERS

    try:
        with result_of(order.url, order.query, order.seconds) as result:
            names = list(result.keys())
            counted = _Counted(result, order)
            WRITERS[order.format](names, counted, Path(order.target), order.max_bytes)
        return Answer(rows=counted.rows)
    except ImportError as error:
        return Answer("install", str(error))
    except TooManyRows:
        return Answer("rows")
    except Exception as error:
        return _failed(order, error)


class _Counted:
    """The rows in batches, counted, and no more of them than allowed."""

    def __init__(self, result: Any, order: Order) -> None:
        self._result = result
        self._order = order
        self.rows = 0

    def __iter__(self) -> Iterator[list[tuple[Any, ...]]]:
        size = 1 if self._order.first_row_only else BATCH_ROWS
        for batch in self._result.partitions(size):
            self.rows += len(batch)
            if self.rows > self._order.max_rows:
                raise TooManyRows
            yield [tuple(row) for row in batch]
            if self._order.first_row_only:
                return


@contextlib.contextmanager
def result_of(address: str, query: str, seconds: float) -> Iterator[Any]:
    """The rows of the query, in a transaction that may not write."""
    if not _QUESTION.match(query):
        raise ValueError("a query begins with SELECT or WITH")
    connection, system = _connect(address)
    with connection:
        try:
            _bound(connection, system, seconds)
            # Kept here: where it is let go, a driver reads the rest of the rows.
            result = connection.exec_driver_sql(query, execution_options=_STREAMED)
            yield result
        finally:
            # Closed as it is: rows that nobody asked for are not waited for.
            connection.invalidate()


def _connect(address: str) -> tuple[Any, str]:
    """A connection, and which system it leads to."""
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = make_url(address)
    except SQLAlchemyError as error:
        raise _Away(str(error)) from error
    system = url.get_backend_name()
    if system == "sqlite":
        url = url.set(
            database=f"file:{quote(url.database or '')}",
            query={"mode": "ro", "uri": "true"},
        )
    elif system == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    elif system in ("mysql", "mariadb"):
        url = url.set(drivername=f"{system}+pymysql")
    else:
        raise _Away(f"this node cannot keep {system} from being written to")
    wait = {} if system == "sqlite" else {"connect_timeout": _CONNECT_SECONDS}
    engine = create_engine(url, connect_args=wait, hide_parameters=True)
    try:
        return engine.connect(), system
    except SQLAlchemyError as error:
        raise _Away(str(error)) from error


def _bound(connection: Any, system: str, seconds: float) -> None:
    """Forbids to write, and to take longer, in the database's own way."""
    if system == "sqlite":
        end = time.monotonic() + seconds
        link: sqlite3.Connection = connection.connection.dbapi_connection
        link.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        statements = ["PRAGMA query_only = 1"]
    elif system == "postgresql":
        statements = [
            "SET TRANSACTION READ ONLY",
            f"SET LOCAL statement_timeout = {round(seconds * 1000)}",
        ]
    else:
        in_time = (
            f"SET SESSION max_statement_time = {seconds}"
            if connection.dialect.is_mariadb
            else f"SET SESSION max_execution_time = {round(seconds * 1000)}"
        )
        read_only = "TRANSACTION READ ONLY"
        statements = [in_time, f"SET SESSION {read_only}", f"START {read_only}"]
    for statement in statements:
        connection.exec_driver_sql(statement)


_TIME_OVER = ("statement timeout", "max_statement_time", "maximum statement")


def _failed(order: Order, error: Exception) -> Answer:
    text = redacted(f"{type(error).__name__}: {error}", order.url)
    if isinstance(error, _Away):
        return Answer("away", redacted(str(error), order.url))
    number = getattr(error, "errno", None)
    if number == errno.EFBIG or "File too large" in text:
        return Answer("size", text)
    if "interrupted" in text or any(words in text for words in _TIME_OVER):
        return Answer("time", text)
    return Answer("failed", text)


def redacted(text: str, url: str) -> str:
    from sqlalchemy import make_url

    secrets = [url]
    with contextlib.suppress(Exception):
        parsed = make_url(url)
        values = [parsed.password, *parsed.query.values()]
        secrets += [str(value) for value in values if value]
        secrets += [quote(secret, safe="") for secret in secrets]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text[:4000]


def end_with_daemon() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
