"""What the shapes of the sections do not say of a configuration."""

import ipaddress
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from ptm_node.runtimes.base import GVISOR
from ptm_node.sections import Config, Database, Direct, FileDatabase, Sql

_LABEL = re.compile(r"[a-z0-9_]{1,64}")
_SECRET_IN_URL = re.compile(r"://[^/@]*:[^@]*@|[?&][a-z_]*passw", re.IGNORECASE)


class Mistake(Exception):
    """Of which key, in words; the remedy is an example if none is named."""

    def __init__(self, where: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.where = where
        self.problem = problem
        self.remedy = remedy


def check(config: Config) -> None:
    """Raises Mistake."""
    if not is_safe(config.server.url):
        raise Mistake("server.url", "only https is safe outside this machine")
    for label, database in config.databases.items():
        _check_database(label, database)
        if isinstance(database, Direct) and config.node.oci_runtime == GVISOR:
            problem = f"containers under {GVISOR} open no socket of this machine"
            remedy = "Release an extract instead, as type sql."
            raise Mistake(f"databases.{label}.type", problem, remedy)
    _check_names(config.databases)


def _check_database(label: str, database: Database) -> None:
    where = f"databases.{label}"
    if not _LABEL.fullmatch(label):
        raise Mistake(where, "a label has lower-case letters, digits and _ only")
    if isinstance(database, FileDatabase) and not Path(database.uri).is_absolute():
        raise Mistake(f"{where}.uri", "this must be an absolute path")
    if isinstance(database, Sql):
        _check_sql(where, database)


def _check_sql(where: str, database: Sql) -> None:
    if (database.uri is None) == (database.uri_file is None):
        raise Mistake(where, "say either uri or uri_file")
    if database.uri is not None and _SECRET_IN_URL.search(database.uri):
        problem = "a URL with a password belongs into a file, named by uri_file"
        raise Mistake(f"{where}.uri", problem)
    missing = [name for name in ("sqlalchemy", "pyarrow") if not find_spec(name)]
    if missing:
        problem = f"a database of type sql needs {' and '.join(missing)}"
        raise Mistake(where, problem, "Run `pip install 'ptm-node[sql]'`.")


def _check_names(databases: dict[str, Database]) -> None:
    """A name means one database, so that a rule means the same everywhere."""
    named = {label: label for label in databases}
    for label, database in databases.items():
        for collaboration, alias in database.aliases.items():
            where = f"databases.{label}.aliases.{collaboration}"
            if not _LABEL.fullmatch(alias):
                raise Mistake(where, "an alias has lower-case letters, digits and _")
            if collaboration not in database.collaborations:
                problem = f"it is not released to collaboration {collaboration}"
                raise Mistake(where, problem)
            if named.setdefault(alias, label) != label:
                raise Mistake(where, f"another database is called {alias}")


def is_safe(url: str) -> bool:
    """Whether a key may be sent there: by https, or without leaving this machine."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return _is_loopback(parts.hostname or "")
    return parts.scheme == "https" and bool(parts.hostname)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
