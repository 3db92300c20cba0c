"""PostgreSQL as the server uses it: connections that get lost, and instants."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tests.live import go_live
from tests.worlds import World
from tools.rig.server import Server

pytestmark = [
    pytest.mark.backends,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="a file is never away"
    ),
]

AT_ONCE = 8
ENDED = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
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


def test_an_instant_comes_back_as_it_went() -> None:
    years = map(datetime.fromisoformat, ("0002-01-01", "9998-12-31"))

    @given(st.datetimes(*years, timezones=st.timezones()), st.integers(0, 6))
    def comes_back(instant: datetime, zeros: int) -> None:
        beyond = instant.microsecond % 10**zeros
        rounded = instant.replace(microsecond=instant.microsecond - beyond)
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::timestamptz, NULL::timestamptz", [rounded])
            row = cursor.fetchone()
        assert row == (rounded, None)
        assert row[0].tzinfo is UTC

    comes_back()
