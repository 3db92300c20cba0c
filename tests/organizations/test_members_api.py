"""Members as CSV by the API: the same rows and rules as in the administration."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.audit.models import Event
from apps.organizations.models import Membership
from tests.scripts import API, DENIED, refused, script
from tests.site.members import HEADINGS
from tests.stored import acts, nothing_stored
from tests.worlds import World

EXPORT = f"{API}/memberships/export/"
IMPORT = f"{API}/memberships/import/"
OTHERS = ["alice", "bob", "carol", "manager"]


def bring(client: APIClient, *lines: str, agreed: str = "") -> Any:
    """Send the file; `agreed` is what an earlier answer gave."""
    content = "\r\n".join([HEADINGS, *lines])
    where = f"{IMPORT}?agreed={agreed}" if agreed else IMPORT
    return client.post(where, content, content_type="text/csv")


def exported(world: World, person: str, query: str = "") -> list[dict[str, str]]:
    answer = script(world, person).get(f"{EXPORT}?{query}")
    assert answer.status_code == 200, answer.content
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def role_of(world: World, person: str) -> str:
    return str(world.people[person].memberships.get().role)


def test_a_preview_says_what_would_be_done_and_does_nothing(world: World) -> None:
    site = world.sites[0].name
    admin = script(world, "admin0")
    with nothing_stored():
        answer = bring(
            admin,
            f"{site},zoe,Zoë,Zimmer,zoe@example.org,researcher",
            f"{site},heart-bob,,,,Data steward",
            f"{site},heart-alice,,,,researcher",
        )
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["done"], shown["passwords"]) == (False, [])
    rows = [(r["line"], r["what"], r["role_before"], r["role"]) for r in shown["lines"]]
    assert rows == [
        (2, "new person", "", "researcher"),
        (3, "changed", "viewer", "steward"),
        (4, "unchanged", "researcher", "researcher"),
    ]
    assert not User.objects.filter(username="zoe").exists()


def test_what_was_agreed_to_is_done_once_with_passwords_shown_once(
    world: World,
) -> None:
    admin, site = script(world, "admin0"), world.sites[0].name
    lines = (f"{site},zoe,,,,viewer", f"{site},heart-bob,,,,steward")
    agreed = bring(admin, *lines).json()["agreed"]
    answer = bring(admin, *lines, agreed=agreed)
    assert (answer.status_code, answer.json()["done"]) == (200, True)
    ((name, password),) = [
        (row["username"], row["password"]) for row in answer.json()["passwords"]
    ]
    assert name == "zoe"
    assert User.objects.get(username="zoe").check_password(password)
    assert role_of(world, "bob") == "steward"
    with nothing_stored():
        again = bring(admin, *lines, agreed=agreed)
    assert refused(again) == (409, "import_changed")


def test_another_file_than_the_one_shown_is_not_imported(world: World) -> None:
    admin, site = script(world, "admin0"), world.sites[0].name
    agreed = bring(admin, f"{site},zoe,,,,viewer").json()["agreed"]
    with nothing_stored():
        for line in (f"{site},zoe,,,,admin", f"{site},eve,,,,viewer"):
            answer = bring(admin, line, agreed=agreed)
            assert refused(answer) == (409, "import_changed")
        for guess in ("x", "0" * 64):
            answer = bring(admin, f"{site},zoe,,,,viewer", agreed=guess)
            assert refused(answer) == (409, "import_changed")


def test_every_wrong_cell_is_named_and_nothing_is_done(world: World) -> None:
    site = world.sites[0].name
    lines = (
        f"{site},zoe,,,,viewer",
        f"{site},b o b,,,not-an-address,emperor",
        f"{site},heart-admin0,,,,viewer",
    )
    admin = script(world, "admin0")
    for agreed in ("", "x"):
        with nothing_stored():
            answer = bring(admin, *lines, agreed=agreed)
        assert refused(answer) == (422, "members_wrong")
        assert set(answer.json()["errors"]) == {
            "3/username",
            "3/email",
            "3/role",
            "4/role",
        }


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"a,b\n1,2\n", "file_headings"),
        ("Zoë".encode("utf-16"), "file_encoding"),
        (b"x" * (1024 * 1024 + 1), "file_too_large"),
    ],
)
def test_what_is_no_file_of_members_is_refused(
    world: World, content: bytes, code: str
) -> None:
    admin = script(world, "admin0")
    with nothing_stored():
        answer = admin.post(IMPORT, content, content_type="text/csv")
    assert refused(answer) == (422, code)
    assert list(answer.json()["errors"]) == ["file"]


def test_only_csv_is_read(world: World) -> None:
    answer = script(world, "admin0").post(IMPORT, {"file": "x"}, format="json")
    assert refused(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("person", OTHERS)
def test_whoever_manages_no_people_brings_and_takes_nothing(
    world: World, person: str
) -> None:
    client = script(world, person)
    with nothing_stored():
        answers = [
            bring(client, f"{world.sites[0]},zoe,,,,viewer"),
            bring(client, "nonsense"),
            client.get(EXPORT),
        ]
    assert {refused(answer) for answer in answers} == {DENIED}


def test_a_foreign_organization_in_a_file_is_as_a_missing_one(
    world: World, rival: World
) -> None:
    admin = script(world, "admin0")
    answers = [
        bring(admin, f"{name},zoe,,,,viewer")
        for name in (world.sites[1].name, rival.sites[0].name, "Nowhere at all")
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.content for answer in answers}) == 1


def test_an_export_has_the_members_of_what_one_manages(
    world: World, rival: World
) -> None:
    rows = exported(world, "admin0")
    assert {row["username"] for row in rows} == {
        "heart-admin0",
        "heart-alice",
        "heart-bob",
        "heart-carol",
    }
    assert [row["username"] for row in exported(world, "admin0", "role=viewer")] == [
        "heart-bob"
    ]
    for pk in (world.sites[1].pk, rival.sites[0].pk, 10**9):
        assert exported(world, "admin0", f"organization={pk}") == []
    assert len(exported(world, "root")) == Membership.objects.count()


def test_an_export_is_in_the_audit_and_a_look_at_its_head_is_not(world: World) -> None:
    admin = script(world, "admin0")
    with nothing_stored():
        assert admin.head(EXPORT).status_code == 200
    assert admin.get(EXPORT)["Cache-Control"] == "no-store"
    event = Event.objects.get(action="members.exported")
    assert event.actor_id == event.object_id == world.people["admin0"].pk


def test_what_was_exported_changes_nothing_when_it_is_brought_in(world: World) -> None:
    content = script(world, "admin0").get(EXPORT).content
    admin = script(world, "admin0")
    answer = admin.post(IMPORT, content, content_type="text/csv")
    assert {line["what"] for line in answer.json()["lines"]} == {"unchanged"}


def test_long_files_cost_no_more_queries_than_short_ones(world: World) -> None:
    def cost(ask: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ask().status_code == 200
        return sum("SAVEPOINT" not in query["sql"] for query in captured)

    site, admin = world.sites[0].name, script(world, "admin0")
    admin.get(f"{API}/me/")
    few = [f"{site},zoe,,,,viewer"]
    many = [f"{site},new-{n},,,,viewer" for n in range(50)]
    shown = cost(lambda: bring(admin, *few))
    assert cost(lambda: bring(admin, *many)) == shown == 5
    short = cost(lambda: admin.get(EXPORT))
    agreed = bring(admin, *many).json()["agreed"]
    assert bring(admin, *many, agreed=agreed).json()["done"]
    assert acts("person.created") == 50
    assert cost(lambda: admin.get(EXPORT)) == short == 4
