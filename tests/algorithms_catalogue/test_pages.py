"""What it does, what leaves the site, and who may run it: the algorithms' pages."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import allow_version, withdraw_version
from apps.audit.actors import SYSTEM
from tests.pages import browser, browser_of, links, words
from tests.worlds import World

LIST = "/algorithms/"


def page(world: World) -> str:
    return f"{LIST}{world.version.algorithm_id}/"


def another(world: World, tag: str = "2.0", **changes: Any) -> AlgorithmVersion:
    """A newer version that the world's collaboration allows."""
    version = AlgorithmVersion.objects.create(
        algorithm=world.version.algorithm,
        digest="sha256:" + f"{AlgorithmVersion.objects.count():064x}",
        tag=tag,
        contract="ptm",
        manifest={**world.version.manifest, **changes},
    )
    allow_version(version=version, collaboration=world.collaboration, actor=SYSTEM)
    return version


def test_the_list_shows_what_ones_collaborations_allow(
    world: World, rival: World
) -> None:
    answer = browser(world, "alice").get(LIST)
    assert "Summary 1.0" in words(answer)
    assert page(world) in links(answer)
    assert page(rival) not in links(answer)


def test_where_nothing_is_allowed_the_list_says_who_can_change_that(
    db: None,
) -> None:
    said = words(browser_of(User.objects.create_user("stranger")).get(LIST))
    assert "No algorithms yet" in said


def test_the_page_tells_what_goes_in_what_is_read_and_what_leaves(
    world: World,
) -> None:
    said = words(browser(world, "alice").get(page(world)))
    assert "Counts, means and variances." in said
    assert "Sums that combine." in said
    assert "columns list of at least 1 entry, each text" in said
    assert "Reads csv" in said
    assert "Leaves the site sums" in said
    assert "application/json" in said
    assert "Reads No database." in said  # of the central function


def test_views_and_titles_are_told_where_the_manifest_has_them(world: World) -> None:
    function = {
        **world.version.manifest["functions"][0],
        "title": "Summary of columns",
        "databases": [{"label": "main", "types": ["csv", "sql"], "description": "one"}],
        "returns": {
            "description": "sums",
            "media_type": "application/json",
            "views": [{"type": "table", "title": "Means", "data": ""}],
        },
    }
    another(world, functions=[function])
    said = words(browser(world, "alice").get(page(world)))
    assert "Summary of columns summary" in said
    assert "main, csv or sql: one" in said
    assert "shown as table “Means”" in said


@pytest.mark.parametrize(
    ("person", "may"), [("alice", True), ("dave", True), ("bob", False)]
)
def test_only_who_may_send_is_offered_to_use_it(
    world: World, person: str, may: bool
) -> None:
    found = links(browser(world, person).get(page(world)))
    use = f"/tasks/new/?version={world.version.pk}&function="
    assert {href for href in found if "/tasks/new/" in href} == (
        {f"{use}summary"} if may else set()
    )


def test_a_central_function_cannot_be_sent_yet_and_says_so(world: World) -> None:
    answer = browser(world, "alice").get(page(world))
    assert "Runs centrally: cannot be sent yet" in words(answer)


def test_the_newest_version_is_shown_and_any_other_on_demand(world: World) -> None:
    newer = another(world, description="Now with medians.")
    client = browser(world, "alice")
    assert "Now with medians." in words(client.get(page(world)))
    first = words(client.get(f"{page(world)}?version={world.version.pk}"))
    assert "Counts, means and variances." in first
    assert "Functions of version 1.0" in first
    withdraw_version(version=newer, actor=SYSTEM)
    assert "Counts, means" in words(client.get(page(world)))


def test_a_withdrawn_version_can_be_read_and_not_used(world: World) -> None:
    withdraw_version(version=world.version, actor=SYSTEM)
    answer = browser(world, "alice").get(page(world))
    assert "Withdrawn: no new task may use it" in words(answer)
    assert not [href for href in links(answer) if "/tasks/new/" in href]


def test_versions_and_collaborations_of_others_are_not_shown(
    world: World, rival: World
) -> None:
    rival.version.algorithm = world.version.algorithm
    rival.version.tag = "rival"
    rival.version.save()
    allow_version(
        version=world.version, collaboration=rival.collaboration, actor=SYSTEM
    )
    path = f"{page(world)}?version={rival.version.pk}"
    said = words(browser(world, "alice").get(path))
    assert "Functions of version 1.0" in said
    assert "rival" not in said
    assert rival.collaboration.name not in said
    assert world.collaboration.name in said


def test_a_version_is_named_by_its_digest_which_can_be_copied(world: World) -> None:
    AlgorithmVersion.objects.filter(pk=world.version.pk).update(tag="")
    answer = browser(world, "alice").get(page(world))
    assert f'data-copy="{world.version.image}"' in answer.content.decode()
    assert f"{world.version.digest[:19]}…" in words(answer)


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 40, "\x00", "1e9", "²"])
def test_any_version_in_the_address_gives_a_page(world: World, version: str) -> None:
    answer = browser(world, "alice").get(page(world), {"version": version})
    assert "Functions of version 1.0" in words(answer)


def test_a_foreign_algorithm_seems_not_to_exist(world: World, rival: World) -> None:
    client = browser(world, "alice")
    answers = [client.get(page(rival)), client.get(f"{LIST}{10**9}/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({words(answer) for answer in answers}) == 1


def test_a_hostile_manifest_is_shown_as_text(world: World) -> None:
    hostile = "</pre><script>alert(1)</script>"
    function = {
        **world.version.manifest["functions"][0],
        "title": hostile,
        "description": hostile,
        "arguments": {
            "type": "object",
            "properties": {hostile: {"title": hostile, "enum": [hostile]}},
        },
        "databases": [{"types": ["csv"], "description": hostile}],
        "returns": {
            "description": hostile,
            "media_type": "text/html",
            "views": [{"type": "table", "title": hostile, "data": ""}],
        },
    }
    another(world, description=hostile, functions=[function])
    markup = browser(world, "alice").get(page(world)).content.decode()
    assert "<script>alert" not in markup
    assert markup.count("&lt;script&gt;alert(1)") >= 9


def test_many_versions_cost_no_more_queries(world: World, rival: World) -> None:
    client = browser(world, "alice")

    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    before = [cost(LIST), cost(page(world))]
    for number in range(5):
        another(world, tag=f"2.{number}")
    assert [cost(LIST), cost(page(world))] == before
    assert max(before) <= 8
