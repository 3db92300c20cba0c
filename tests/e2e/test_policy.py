"""What a site does not want, does not happen there; and it says so."""

from tests.e2e.conftest import MakeNode
from tests.e2e.researcher import Researcher, moves, site_of
from tests.e2e.site_node import NORTH, WEST, SiteNode
from tools.rig.platform import Platform


def test_an_image_that_the_site_does_not_name_is_rejected_there_alone(
    platform: Platform,
    three_sites: dict[str, SiteNode],
    west: MakeNode,
    researcher: Researcher,
) -> None:
    only = {"images": [f"{platform.registry.host}/ptm/summary"]}
    node = west(changes={"policy": only})
    task = researcher.send("nonce", WEST, NORTH)
    runs = {site_of(run): run for run in researcher.ended(task)}
    refused = runs[WEST]
    assert (refused["status"], refused["code"]) == ("rejected", "policy_refused")
    assert "ptm/probe is not on this site's list" in refused["detail"]
    assert moves(refused) == ["claimed", "rejected"]
    assert refused["result"] is None
    assert node.starts(refused) == 0
    assert runs[NORTH]["status"] == "completed"
    # What the site does name, runs.
    allowed = researcher.ended_run(researcher.send_summary(WEST, columns=["age"]))
    assert allowed["status"] == "completed"
    node.assert_done()


def test_a_database_that_is_not_released_is_refused_before_anything_is_stored(
    three_sites: dict[str, SiteNode], researcher: Researcher
) -> None:
    before = researcher.api.get("tasks/").json()["results"][0]["id"]
    claims = three_sites[NORTH].journal()["last_claim"]
    # It exists at the site, whose file it is named in, but is released to nobody.
    assert "[databases.kept]" in (three_sites[NORTH].folder / "node.toml").read_text()
    body = researcher.request(
        NORTH,
        image="summary",
        function="summary",
        arguments={"columns": ["age"]},
        databases=[{"label": "kept"}],
    )
    answer = researcher.post("tasks/", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "database_unknown")
    assert "databases" in problem["errors"]
    assert researcher.api.get("tasks/").json()["results"][0]["id"] == before
    assert three_sites[NORTH].journal()["last_claim"] == claims


def test_a_database_whose_file_has_vanished_is_the_sites_fault(
    west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    node.data.table.unlink()
    run = researcher.ended_run(researcher.send_summary(WEST, columns=["age"]))
    assert (run["status"], run["code"]) == ("failed", "database_unknown")
    assert run["detail"] == "the database default cannot be opened at this site"
    assert run["result"] is None
    assert node.starts(run) == 0
    # The engine has not made a folder in the place of the file.
    assert [*node.data.table.parent.iterdir()] == []
    node.assert_done()
