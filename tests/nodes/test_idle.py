"""What a node that has nothing to do costs: there are many, and they speak often."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.worlds import World

TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def queries(act: Callable[[], Any]) -> int:
    act()  # once before: what is noted with the first is not the rule
    with CaptureQueriesContext(connection) as captured:
        assert act().status_code == 200
    said = [query["sql"] for query in captured]
    return len([sql for sql in said if not sql.startswith(TRANSACTION)])


def test_an_idle_nodes_words_cost_few_queries(world: World) -> None:
    node = world.nodes[0]
    audit = {"number": 1, "sha256": "a" * 64}
    # Its key; its presence and the time it was there; what it holds; what waits.
    assert queries(lambda: node.heartbeat([], audit=audit)) == 5
    # Its key, and what waits: no transaction, and nothing is written.
    assert queries(lambda: node.claim(number=node.last_claim + 1)) == 2


def test_another_sites_work_costs_it_nothing(world: World) -> None:
    world.send(organizations=[world.sites[1].pk])
    assert queries(lambda: world.nodes[0].claim(number=1)) == 2
    assert world.nodes[0].heartbeat([]).json()["work"] is False
    assert world.nodes[1].heartbeat([]).json()["work"] is True
