"""Each database: is it there, may the sandbox read it, is it what it is said to be."""

import csv
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ptm_node.clock import Clock
from ptm_node.columns import Describer, shared
from ptm_node.doctor import queries
from ptm_node.doctor.findings import Finding, Level, failed, ok, warning
from ptm_node.life import Life
from ptm_node.sections import Config, Database, Direct, FileDatabase, Sql

_HEADER_AT_MOST = 1 << 20
_SECONDS = 5.0
_EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def check(config: Config) -> Iterator[Finding]:
    if not config.databases:
        remedy = "describe one as [databases.default]"
        yield warning("databases", "none is configured", remedy)
    for label, database in config.databases.items():
        yield _check(f"database {label}", database)
    yield from _columns(config)


def _columns(config: Config) -> Iterator[Finding]:
    """Whether those that the site shares can be read, as the daemon reads them."""
    describer = Describer(Life(Clock()))
    for label, database in shared(config).items():
        found = describer.describe(database)
        if found.columns is None:
            remedy = "correct that; until then no task is refused for a missing column"
            what = found.problem.rstrip(".")
            yield warning(f"columns of {label}", what, remedy)
        else:
            what = f"{len(found.columns)} are announced"
            yield ok(f"columns of {label}", what)


def _check(check: str, database: Database) -> Finding:
    if isinstance(database, Sql):
        found = queries.check(check, database)
    elif isinstance(database, Direct):
        found = _direct(check, database)
    else:
        assert isinstance(database, FileDatabase)  # noqa: S101
        found = _file(check, database)
    if found.level is Level.OK and not database.collaborations:
        remedy = "name the collaborations that may use it"
        return warning(check, "it is released to no collaboration", remedy)
    return found


def _file(check: str, database: FileDatabase) -> Finding:
    path = Path(database.uri)
    try:
        problem = _LOOKS.get(database.type, _anything)(path)
    except OSError as error:
        what = f"{path}: {error.strerror or 'it cannot be opened'}"
        return failed(check, what, "correct uri, or put the data there")
    if problem:
        remedy = "correct type or uri, or mend the file"
        return failed(check, f"{path} {problem}", remedy)
    return ok(check, f"{path} can be read as {database.type}")


def _direct(check: str, database: Direct) -> Finding:
    address = f"{database.host} port {database.port}"
    try:
        socket.create_connection((database.host, database.port), _SECONDS).close()
    except OSError as error:
        what = f"{address}: {error.strerror or 'no answer'}"
        remedy = "correct host or port, start the database, or open the firewall"
        return failed(check, what, remedy)
    return ok(check, f"{address} answers, for tasks that a rule lets have it")


def _csv(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader([file.readline(_HEADER_AT_MOST)]), [])
    except (UnicodeDecodeError, csv.Error):
        return "does not begin with a line of text in UTF-8"
    if not any(name.strip() for name in names):
        return "has no header with column names"
    return ""


def _parquet(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(max(path.stat().st_size - 4, 0))
        whole = first == file.read(4) == b"PAR1"
    return "" if whole else "is no whole Parquet file"


def _excel(path: Path) -> str:
    with path.open("rb") as file:
        return "" if file.read(4) in _EXCEL else "is no Excel file"


def _folder(path: Path) -> str:
    return "" if path.is_dir() else "is no folder"


def _anything(path: Path) -> str:
    mode = path.stat().st_mode
    fits = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return "" if fits else "is neither a file nor a folder"


_LOOKS: dict[str, Callable[[Path], str]] = {
    "csv": _csv,
    "parquet": _parquet,
    "excel": _excel,
    "folder": _folder,
}
