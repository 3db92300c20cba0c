"""Puts turns in place of the daemon's threads, and points between any two of its acts.

At a point the power may fail: nothing that came after it has happened.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from ptm_node import agent
from ptm_node.spool import Spool
from ptm_node.store import Store

from tests.machine.hosts import Start, WatchedRuntime
from tests.machine.turns import Future, Turns

# The modules whose threads take turns; containers outlive the daemon.
DAEMON = (
    "agent",
    "confirming",
    "dispatch",
    "life",
    "logs",
    "outbox",
    "roster",
    "runs",
)


def take_turns(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the daemon's threads take turns, and points where the power may fail."""
    for name in DAEMON:
        monkeypatch.setattr(f"ptm_node.{name}.threading", turns.threading())
    monkeypatch.setattr("ptm_node.confirming.Future", partial(Future, turns))
    engine = turns.threading(owner="the engine")
    monkeypatch.setattr("ptm_node.runtimes.fake.threading", engine)
    for kind, names in ACTS.items():
        for name in names:
            monkeypatch.setattr(kind, name, _between_points(turns, kind, name))
    monkeypatch.setattr(Store, "_transaction", _transaction_between_points(turns))
    for name in ("take_state", "Journal", "Audit"):
        monkeypatch.setattr(agent, name, _remembered(turns, getattr(agent, name)))


ACTS: dict[type, tuple[str, ...]] = {
    Spool: ("keep", "discard"),
    WatchedRuntime: ("prepare", "start", "remove"),
}


def _point(turns: Turns) -> None:
    if isinstance(turns.owner, Start):
        turns.owner.point()


def _between_points(turns: Turns, kind: type, name: str) -> Callable[..., Any]:
    act = getattr(kind, name)

    def acted(*args: Any, **kwargs: Any) -> Any:
        _point(turns)
        done = act(*args, **kwargs)
        _point(turns)
        return done

    return acted


def _transaction_between_points(turns: Turns) -> Any:
    transaction = Store._transaction

    @contextmanager
    def acted(store: Store) -> Iterator[None]:
        _point(turns)
        with transaction(store):
            yield
        _point(turns)

    return acted


def _remembered(turns: Turns, opens: Callable[..., Any]) -> Callable[..., Any]:
    """What the daemon opens is closed when its process ends."""

    def opened(*args: Any) -> Any:
        file = opens(*args)
        turns.owner.open_files.append(file)
        return file

    return opened
