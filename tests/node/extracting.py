"""A site that has rows extracted: by a program, or called in this process."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ptm_node.clock import Clock
from ptm_node.describing import Look, describe
from ptm_node.errors import RunFailure
from ptm_node.extraction import Order, extract
from ptm_node.life import Life
from ptm_node.programs import Programs, Said
from ptm_node.sections import Sql
from ptm_node.sources import Source, Sources

from tests.node.sql_databases import Database, sql_config


class Site:
    """A site with one database `d`, whose URL is in a secret file."""

    def __init__(self, folder: Path, database: Database, **keys: Any) -> None:
        self.config = sql_config(folder, database, **keys)
        self.folder = folder
        self.life = Life(Clock())
        self.sources = Sources(folder / "cache", self.config, self.life)
        self._names = iter(range(1000))

    @property
    def database(self) -> Sql:
        found = self.config.databases["d"]
        assert isinstance(found, Sql)
        return found

    def provide(self) -> Source:
        work = self.folder / f"run-{next(self._names)}"
        work.mkdir(mode=0o700)
        return self.sources.provide(self.config.databases, work, lambda: None)["d"]

    def refusal(self) -> str:
        with pytest.raises(RunFailure) as failure:
            self.provide()
        assert failure.value.code == "database_unknown"
        assert list((self.folder / "cache").glob("*/*")) == [], "half an extract stays"
        return failure.value.detail


@pytest.fixture
def site(tmp_path: Path, database: Database) -> Callable[..., Site]:
    return lambda **keys: Site(tmp_path, database, **keys)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads databases is called here, which takes a tenth of a program.

    That it is one, with limits of its own, `test_programs.py` tries.
    """

    def run(
        programs: Programs, module: str, order: Order | Look, seconds: float
    ) -> Said:
        if isinstance(order, Order):
            return Said(msgspec.json.encode(extract(order)))
        with contextlib.ExitStack() as stack:
            return Said(msgspec.json.encode(describe(order, stack)))

    monkeypatch.setattr(Programs, "run", run)
