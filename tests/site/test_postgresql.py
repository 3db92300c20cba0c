"""A database that was away is found again by the first request that comes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

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
