"""The site's configuration: one TOML file, read strictly.

A mistake is answered with one sentence: the file, the key, what is wrong, and what
to write instead.
"""

import json
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from ptm_node import config_checks
from ptm_node.config_checks import Mistake
from ptm_node.errors import ConfigError
from ptm_node.hours import SPAN, Span
from ptm_node.lines import line_of
from ptm_node.sections import (
    ANY_DATABASE,
    Config,
    Database,
    Duration,
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

KEY = re.compile(r"ptmn_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
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
        try:
            config_checks.check(config)
        except Mistake as mistake:
            self._fail(mistake.where, mistake.problem, mistake.remedy)
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

    def _fail(self, where: str, problem: str, remedy: str = "") -> NoReturn:
        line = line_of(self._text, where)
        place = f"{self._path}, line {line}" if line else str(self._path)
        raise ConfigError(f"{place}: {where}: {problem}. {remedy or _remedy(where)}")


def duration(text: str) -> Duration:
    """A span of time of a command's option, written as in the file."""
    try:
        return msgspec.convert(text, Duration, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{error}; write it like 30d.") from error


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
        example = example.get(step) or _any_of(example)
        if isinstance(example, list) and isinstance(example[-1], dict):
            example = {name: row[name] for row in example for name in row}
    if isinstance(example, dict):
        return f"Known keys are {', '.join(example)}."
    return f"Write it like: {(section, *steps)[-1]} = {json.dumps(example)}."


def _any_of(examples: dict[str, Any]) -> Any:
    """The first; of tables the keys of all, so that each kind finds its own."""
    first: Any = next(iter(examples.values()), {})
    if not isinstance(first, dict):
        return first
    merged: dict[str, Any] = {}
    for table in examples.values():
        merged |= {key: table[key] for key in table if key not in merged}
    return merged
