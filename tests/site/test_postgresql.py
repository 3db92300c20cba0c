"""PostgreSQL as the server uses it: connections that get lost, and instants."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection

from tests.live import go_live
from tests.worlds import World
from tools.rig.server import Server

pytestmark = [
    pytest.mark.backends,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite is a file, and never away"
    ),
]

AT_ONCE = 8
ENDED = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_no_request_fails_for_a_connection_that_was_lost_while_idle(
    world: World, first_server: Server
) -> None:
    go_live(world, first_server)
    alice = world.person("alice")

    def status(_: int) -> int:
        return int(alice.get("/api/v1/tasks/").status_code)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(status, range(4 * AT_ONCE)))  # so that there are several
    with connection.cursor() as cursor:
        cursor.execute(ENDED)
        [lost] = cursor.fetchone()
    assert lost > 1
    assert [status(n) for n in range(lost + 1)] == [200] * (lost + 1)


@pytest.mark.parametrize("fraction", ["", ".1", ".120", ".123456", ".000001"])
@pytest.mark.parametrize("day", ["0002-01-01", "1969-12-31", "2026-11-29"])
def test_an_instant_comes_back_as_it_went(day: str, fraction: str) -> None:
    instant = datetime.fromisoformat(f"{day}T23:59:59{fraction}+00:00")
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, NULL::timestamptz", [instant])
        row = cursor.fetchone()
    assert row == (instant, None)
    assert row[0].tzinfo is UTC
