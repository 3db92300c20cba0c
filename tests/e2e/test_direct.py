"""A site lets one task speak to its database server, and says so beforehand."""

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Json, Researcher
from tests.e2e.site_node import WEST
from tests.node.sql_databases import Database, postgres, reader  # noqa: F401

QUERY = "SELECT count(*), sum(age) FROM patients"
RULE = {"action": "run", "functions": ["asks_postgresql"], "direct": True}


def asked(researcher: Researcher) -> Json:
    return researcher.request(
        WEST,
        function="asks_postgresql",
        arguments={"query": QUERY},
        databases=[{"label": "live"}],
    )


def sites(researcher: Researcher) -> list[tuple[str, str]]:
    answer = researcher.post("tasks/forecast/", asked(researcher))
    return [(site["answer"], site["reason"]) for site in answer.json()["sites"]]


def test_a_task_speaks_to_a_server_if_a_rule_lets_it(
    west: MakeNode,
    researcher: Researcher,
    reader: tuple[str, int],  # noqa: F811
) -> None:
    host, port = reader
    live = {
        "type": "direct",
        "host": host,
        "port": port,
        "collaborations": [researcher.world.collaboration],
    }
    node = west(changes={"policy": {"rules": [RULE]}, "databases.live": live})
    assert sites(researcher) == [("yes", "rule 1 allows it")]
    run = researcher.ended_run(researcher.api.send_task(asked(researcher)))
    assert researcher.result(run) == {"rows": [["3", "120"]]}
    node.assert_done()
