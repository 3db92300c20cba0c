"""A site that announces its columns is asked only for those that it has."""

from pathlib import Path

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Json, Researcher
from tests.e2e.site_node import WEST, SiteNode
from tools.rig.process import wait_until

# The node looks at its files, and says what it saw, with its heartbeat.
ANNOUNCED_SECONDS = 120


def columns_of(researcher: Researcher, node: SiteNode) -> list[str] | None:
    """Those of the one database that no other node of the site releases."""
    for each in researcher.all_of("nodes/"):
        if each["name"] == node.data.name and each["serves"]:
            databases = {d["label"]: d for d in each["serves"][0]["databases"]}
            found = databases["own"]["columns"]
            return found and [column["name"] for column in found]
    return None


def stage_of(researcher: Researcher) -> Json:
    return researcher.request(
        WEST,
        image="summary",
        function="summary",
        arguments={"columns": ["age", "stage"]},
        databases=[{"label": "own"}],
    )


def test_a_task_is_refused_until_the_file_has_the_column(
    west: MakeNode, researcher: Researcher, tmp_path: Path
) -> None:
    table = tmp_path / "own.csv"
    table.write_text("age\n" + "61\n" * 30)
    own = {
        "type": "csv",
        "uri": str(table),
        "collaborations": [researcher.world.collaboration],
    }
    node = west(changes={"policy": {"share_columns": True}, "databases.own": own})

    def announces(*names: str) -> bool:
        return columns_of(researcher, node) == [*names]

    assert wait_until(lambda: announces("age"), ANNOUNCED_SECONDS), node.said
    before = researcher.api.get("tasks/").json()["results"]
    claims = node.journal()["last_claim"]

    answer = researcher.post("tasks/", stage_of(researcher))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "column_unknown")
    said = f"{WEST} has no column stage in own."
    assert problem["errors"] == {"arguments/columns/1": [said]}
    assert researcher.api.get("tasks/").json()["results"] == before
    assert node.journal()["last_claim"] == claims

    table.write_text("age,stage\n" + "61,II\n" * 30)
    assert wait_until(lambda: announces("age", "stage"), ANNOUNCED_SECONDS), node.said
    run = researcher.ended_run(researcher.api.send_task(stage_of(researcher)))
    assert run["status"] == "completed"
    assert {*researcher.result(run)["columns"]} == {"age", "stage"}
    node.assert_done()
