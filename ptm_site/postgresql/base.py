"""PostgreSQL whose lost connections are thrown away, and not handed out.

After a restart of the database each pooled connection would fail the one request that
gets it. The pool's own check is a round trip for every request, and waits for seconds,
twice as long each time, after each lost connection that it meets.
"""

import select

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """The stubs of Django leave out what it has for its own backends."""

    def get_new_connection(self, conn_params: dict[str, object]) -> object:
        while _is_lost(connection := super().get_new_connection(conn_params)):
            connection.close()
            connection._pool.putconn(connection)  # which opens another in its place
        return connection


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
