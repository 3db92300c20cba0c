"""The site's configuration: one TOML file, read strictly.

A mistake is answered with one sentence: the file, the key, what is wrong, and what
to write instead.
"""

import ipaddress
import json
import re
import stat
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import msgspec

from ptm_node.errors import ConfigError
from ptm_node.hours import SPAN, Span
from ptm_node.lines import line_of
from ptm_node.sections import (
    ANY_DATABASE,
    Config,
    Database,
    Duration,
    FileDatabase,
    Limits,
    Node,
    Policy,
    RegistryLogin,
    Server,
    Size,
    Sql,
)
from ptm_node.template import examples

S = TypeVar("S")

LABEL = re.compile(r"[a-z0-9_]{1,64}")
KEY = re.compile(r"ptmn_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_SECRET_IN_URL = re.compile(r"://[^/@]*:[^@]*@|[?&][a-z_]*passw", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmgt]?)")
_TIME = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def load(path: Path) -> Config:
    """Reads and checks the file; raises ConfigError."""
    try:
        return _Reader(path).config()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.") from error


def read_key(path: Path) -> str:
    """The node's key, from a file that nobody else may read."""
    key = read_secret(path)
    if not KEY.fullmatch(key):
        raise ConfigError(
            f"{path}: this is not a node's key; enrol again with `ptm-node init`."
        )
    return key


def key_prefix(key: str) -> str:
    """The public part of a key, which names the node wherever it must be unique."""
    return key.split("_")[1]


def read_secret(path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"{path}: others may open this secret; run `chmod 600 {path}`."
            )
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this secret cannot be read ({error}).") from error


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""
        self._folder = path.absolute().parent

    def config(self) -> Config:
        self._text = self._path.read_text()
        data = tomllib.loads(self._text)
        unknown = sorted(set(data) - set(Config._fields))
        if unknown:
            self._fail(unknown[0], "there is no such section")
        config = Config(
            server=self._section(data, "server", Server),
            node=self._section(data, "node", Node),
            registry=self._table(data, "registry", RegistryLogin),
            databases=self._table(data, "databases", ANY_DATABASE),
            policy=self._section(data, "policy", Policy),
            limits=self._section(data, "limits", Limits),
        )
        if not is_safe(config.server.url):
            self._fail("server.url", "only https is safe outside this machine")
        for label, database in config.databases.items():
            self._check_database(label, database)
        self._check_names(config.databases)
        return self._with_absolute_paths(config)

    def _section(self, data: dict[str, Any], name: str, kind: type[S]) -> S:
        return self._convert(data.get(name, {}), name, kind)

    def _table(self, data: dict[str, Any], name: str, kind: type[S]) -> dict[str, S]:
        entries = data.get(name, {})
        if not isinstance(entries, dict):
            self._fail(name, "this must be a table")
        return {
            key: self._convert(value, f"{name}.{key}", kind)
            for key, value in entries.items()
        }

    def _convert(self, value: object, where: str, kind: type[S]) -> S:
        try:
            return msgspec.convert(value, kind, dec_hook=_decode, str_keys=True)
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at `$.")
            self._fail(".".join(filter(None, [where, place.rstrip("`")])), problem)

    def _check_database(self, label: str, database: Database) -> None:
        where = f"databases.{label}"
        if not LABEL.fullmatch(label):
            self._fail(where, "a label has lower-case letters, digits and _ only")
        if isinstance(database, FileDatabase) and not Path(database.uri).is_absolute():
            self._fail(f"{where}.uri", "this must be an absolute path")
        if isinstance(database, Sql):
            self._check_sql(where, database)

    def _check_names(self, databases: dict[str, Database]) -> None:
        """A name means one database, so that a rule means the same everywhere."""
        named = {label: label for label in databases}
        for label, database in databases.items():
            for collaboration, alias in database.aliases.items():
                where = f"databases.{label}.aliases.{collaboration}"
                if not LABEL.fullmatch(alias):
                    self._fail(where, "an alias has lower-case letters, digits and _")
                if collaboration not in database.collaborations:
                    problem = f"it is not released to collaboration {collaboration}"
                    self._fail(where, problem)
                if named.setdefault(alias, label) != label:
                    self._fail(where, f"another database is called {alias}")

    def _check_sql(self, where: str, database: Sql) -> None:
        if (database.uri is None) == (database.uri_file is None):
            self._fail(where, "say either uri or uri_file")
        if database.uri is not None and _SECRET_IN_URL.search(database.uri):
            problem = "a URL with a password belongs into a file, named by uri_file"
            self._fail(f"{where}.uri", problem)
        missing = [name for name in ("sqlalchemy", "pyarrow") if not find_spec(name)]
        if missing:
            raise ConfigError(
                f"{self._path}: {where}: a database of type sql needs"
                f" {' and '.join(missing)}; run `pip install 'ptm-node[sql]'`."
            )

    def _with_absolute_paths(self, config: Config) -> Config:
        node, server = config.node, config.server
        return config._replace(
            server=msgspec.structs.replace(
                server, ca_bundle=server.ca_bundle and self._absolute(server.ca_bundle)
            ),
            node=msgspec.structs.replace(
                node,
                key_file=self._absolute(node.key_file),
                state=self._absolute(node.state),
            ),
            registry={
                host: msgspec.structs.replace(
                    login, password_file=self._absolute(login.password_file)
                )
                for host, login in config.registry.items()
            },
            databases={
                label: self._with_absolute_secret(database)
                for label, database in config.databases.items()
            },
        )

    def _with_absolute_secret(self, database: Database) -> Database:
        if isinstance(database, Sql) and database.uri_file is not None:
            place = self._absolute(database.uri_file)
            return msgspec.structs.replace(database, uri_file=place)
        return database

    def _absolute(self, path: str) -> str:
        return str(self._folder / path)

    def _fail(self, where: str, problem: str) -> NoReturn:
        line = line_of(self._text, where)
        place = f"{self._path}, line {line}" if line else str(self._path)
        raise ConfigError(f"{place}: {where}: {problem}. {_remedy(where)}")


def duration(text: str) -> Duration:
    """A span of time of a command's option, written as in the file."""
    try:
        return msgspec.convert(text, Duration, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{error}; write it like 30d.") from error


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


def _decode(kind: type, value: object) -> object:
    if kind is Span:
        if isinstance(value, str) and SPAN.fullmatch(value):
            return Span(value)
        raise ValueError(f"{value!r} is not a span of hours")
    pattern, units = (_SIZE, _BYTES) if kind is Size else (_TIME, _SECONDS)
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a {kind.__name__.lower()}")
    return kind(float(match[1]) * units[match[2]])


def _remedy(where: str) -> str:
    """What to write instead, from the template that `init` writes."""
    section, *steps = re.sub(r"\[\d+\]", "", where).split(".")
    example: Any = examples()
    example = example.get(section, example)
    for step in steps:
        # The site gives databases and registries their names: any example will do.
        example = example.get(step) or next(iter(example.values()), {})
        if isinstance(example, list) and isinstance(example[-1], dict):
            example = {name: row[name] for row in example for name in row}
    if isinstance(example, dict):
        return f"Known keys are {', '.join(example)}."
    return f"Write it like: {(section, *steps)[-1]} = {json.dumps(example)}."
