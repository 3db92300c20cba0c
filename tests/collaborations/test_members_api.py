"""Members of collaborations as CSV by the API: as in the administration."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps import csv_imports
from apps.accounts import naming
from apps.accounts.choices import TokenScope
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.collaborations.models import Participation
from apps.collaborations.services import archive_collaboration
from tests.collaborations.parties import HEADINGS, second_of, site_called, state_of
from tests.desk import manager_of
from tests.scripts import API, DENIED, refused, script
from tests.stored import acts, nothing_stored
from tests.worlds import World, take_in

EXPORT = f"{API}/participations/export/"
IMPORT = f"{API}/participations/import/"
OTHERS = ["alice", "bob", "carol", "admin0"]


def bring(client: APIClient, *lines: str, agreed: str = "") -> Any:
    """Send the file; `agreed` is what an earlier answer gave."""
    content = "\r\n".join([HEADINGS, *lines])
    where = f"{IMPORT}?agreed={agreed}" if agreed else IMPORT
    return client.post(where, content, content_type="text/csv")


def exported(client: APIClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{EXPORT}?{query}")
    assert answer.status_code == 200, answer.content
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_a_preview_says_what_would_be_done_and_does_nothing(world: World) -> None:
    own, (a, b, _) = world.collaboration, world.sites
    client = script(world, "manager")
    site_called("Site West")
    lines = (f"{own},Site West,", f"{own},{a},NO", f"{own},{b},")
    with nothing_stored(told=1):
        answer = bring(client, *lines)
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["done"] is False
    line = {"collaboration": own.name, "may_create_tasks": True}
    taking_part = {"status_before": "accepted", "may_create_tasks_before": True}
    new = {"status_before": "", "may_create_tasks_before": None}
    assert shown["lines"] == [
        {
            **line,
            **new,
            "line": 2,
            "what": "new invitation",
            "organization": "Site West",
        },
        {
            **line,
            **taking_part,
            "line": 3,
            "what": "changed",
            "organization": a.name,
            "may_create_tasks": False,
        },
        {
            **line,
            **taking_part,
            "line": 4,
            "what": "unchanged",
            "organization": b.name,
        },
    ]
    assert state_of(own, a) == ("accepted", True)


def test_what_was_agreed_to_is_done_once(world: World) -> None:
    own, site, client = world.collaboration, world.sites[0], script(world, "manager")
    west = site_called("Site West")
    lines = (f"{own},{west},", f"{own},{site},no")
    agreed = bring(client, *lines).json()["agreed"]
    answer = bring(client, *lines, agreed=agreed)
    assert (answer.status_code, answer.json()["done"]) == (200, True)
    assert [line["what"] for line in answer.json()["lines"]] == [
        "new invitation",
        "changed",
    ]
    assert state_of(own, west) == ("invited", True)
    assert state_of(own, site) == ("accepted", False)
    with nothing_stored():
        again = bring(client, *lines, agreed=agreed)
    assert refused(again) == (409, "import_changed")


def test_names_are_counted_once_where_what_was_shown_is_done(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But each time where nothing is done, whatever the script claims to agree to."""
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 2)
    client, own = script(world, "manager"), world.collaboration
    lines = (f"{own},{rival.sites[0]},",)
    agreed = bring(client, *lines).json()["agreed"]
    assert bring(client, *lines, agreed=agreed).status_code == 200
    assert acts("name.told") == 1
    others = (f"{own},{rival.sites[1]},",)
    with nothing_stored(told=1):
        assert refused(bring(client, *others, agreed="x")) == (409, "import_changed")
    with nothing_stored():
        for guess in ("x", agreed, ""):
            answer = bring(client, *others, agreed=guess)
            assert refused(answer) == (429, "throttled")


def test_every_wrong_cell_is_named_and_nothing_is_done(world: World) -> None:
    own, site, client = world.collaboration, world.sites[0], script(world, "manager")
    lines = (f"{own},{site},no", f"{own},Nowhere,maybe", f"No such,{site},")
    for agreed in ("", "x"):
        with nothing_stored(told=1):
            answer = bring(client, *lines, agreed=agreed)
        assert refused(answer) == (422, "members_wrong")
        assert set(answer.json()["errors"]) == {
            "3/organization",
            "3/may_create_tasks",
            "4/collaboration",
        }


def test_a_file_changes_so_many_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was shown when more were let through."""
    own, (a, b, _) = world.collaboration, world.sites
    client, lines = script(world, "manager"), (f"{own},{a},no", f"{own},{b},no")
    agreed = bring(client, *lines).json()["agreed"]
    monkeypatch.setattr(csv_imports, "CHANGES_AT_MOST", 1)
    for claimed in ("", agreed):
        with nothing_stored():
            answer = bring(client, *lines, agreed=claimed)
        assert refused(answer) == (422, "file_too_many_changes")


def test_what_is_no_file_of_members_is_refused(world: World) -> None:
    client = script(world, "manager")
    for content, code in ((b"", "file_empty"), (b"a,b\n1,2\n", "file_headings")):
        with nothing_stored():
            answer = client.post(IMPORT, content, content_type="text/csv")
        assert refused(answer) == (422, code)
    answer = client.post(IMPORT, {"file": "x"}, format="json")
    assert refused(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("person", OTHERS)
def test_whoever_manages_no_collaboration_brings_and_takes_nothing(
    world: World, person: str
) -> None:
    client = script(world, person)
    with nothing_stored():
        answers = [
            bring(client, f"{world.collaboration},{world.sites[0]},no"),
            bring(client, "nonsense"),
            client.get(EXPORT),
        ]
    assert {refused(answer) for answer in answers} == {DENIED}


def test_an_import_takes_a_token_of_the_scope_admin(world: World) -> None:
    world.people["manager"] = manager_of(world)
    client = world.client("manager", TokenScope.TASKS)
    with nothing_stored():
        answer = bring(client, f"{world.collaboration},{world.sites[0]},no")
    assert refused(answer) == DENIED


def test_who_manages_archived_ones_only_takes_away_and_brings_nothing(
    world: World,
) -> None:
    archive_collaboration(collaboration=world.collaboration, actor=SYSTEM)
    client = script(world, "manager")
    assert len(exported(client)) == 3
    with nothing_stored():
        answer = bring(client, f"{world.collaboration},{world.sites[0]},no")
    assert refused(answer) == DENIED


def test_an_export_has_the_members_of_what_one_manages(
    world: World, rival: World
) -> None:
    client, own = script(world, "manager"), world.collaboration
    rows = exported(client)
    assert [(row["collaboration"], row["organization"]) for row in rows] == [
        (own.name, site.name) for site in world.sites
    ]
    assert exported(client, "status=invited") == []
    assert len(exported(client, f"organization={world.sites[0].pk}")) == 1
    for pk in (rival.collaboration.pk, 10**9):
        assert exported(client, f"collaboration={pk}") == []
    assert len(exported(script(world, "root"))) == Participation.objects.count()


def test_an_export_is_in_the_audit_and_a_look_at_its_head_is_not(world: World) -> None:
    client = script(world, "manager")
    with nothing_stored():
        assert client.head(EXPORT).status_code == 200
    assert client.get(EXPORT)["Cache-Control"] == "no-store"
    event = Event.objects.get(action="participations.exported")
    assert event.actor_id == event.object_id == world.people["manager"].pk


def test_what_was_exported_changes_nothing_when_it_is_brought_in(world: World) -> None:
    client = script(world, "manager")
    content = client.get(EXPORT).content
    answer = client.post(IMPORT, content, content_type="text/csv")
    assert {line["what"] for line in answer.json()["lines"]} == {"unchanged"}


def test_long_files_cost_no_more_queries_than_short_ones(world: World) -> None:
    def cost(ask: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ask().status_code == 200
        return sum("SAVEPOINT" not in query["sql"] for query in captured)

    client, own = script(world, "manager"), second_of(manager_of(world))
    client.get(f"{API}/me/")
    sites = [site_called(f"Site {number}") for number in range(20)]
    lines = [f"{own},{site}," for site in sites]
    shown = cost(lambda: bring(client, *lines[:2]))
    assert cost(lambda: bring(client, *lines)) == shown
    short = cost(lambda: client.get(EXPORT))
    for site in sites:
        take_in(own, site)
    assert cost(lambda: client.get(EXPORT)) == short
