"""PostgreSQL as many short requests need it.

After a restart of the database each connection that waited in the pool would fail the
one request that gets it. The pool's own check is a round trip for every request, and
waits for seconds, twice as long each time, after each lost connection that it meets.

Of the time that the server spends on a request, a tenth went into reading instants:
Django's reader asks each answer anew in which form and zone they come.
"""

import select
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.adapt import AdaptersMap, Buffer, Loader
from psycopg_pool import ConnectionPool


class InstantLoader(Loader):
    """Reads what PostgreSQL writes by itself: ISO, in the zone of the connection."""

    timezone = UTC  # Django looks whether it is the connection's

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(str(data, "ascii"))


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, with connections that live and instants that are read at once."""

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        return {**params, "context": _reading_instants(params["context"])}

    def get_new_connection(self, conn_params: dict[str, Any]) -> object:
        while _is_lost(connection := super().get_new_connection(conn_params)):
            connection.close()
            connection._pool.putconn(connection)  # which opens another in its place
        return connection


@lru_cache
def _reading_instants(adapters: AdaptersMap) -> AdaptersMap:
    quick = AdaptersMap(adapters)
    quick.register_loader("timestamptz", InstantLoader)
    return quick


def _is_lost(connection: psycopg.Connection) -> bool:
    """Nobody asked an idle connection anything: what it says is mostly farewell."""
    said = select.poll()
    said.register(connection, select.POLLIN)
    if not said.poll(0):
        return False
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return True
    return False
