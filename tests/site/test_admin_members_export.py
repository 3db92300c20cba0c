"""Members taken away as CSV: whose, and as what."""

import csv

import pytest

from apps.accounts.models import User
from apps.audit.models import Event
from apps.organizations.models import Membership
from tests.desk import address, desk, manager_of, text
from tests.site.members import HEADINGS, export, exported, preview, words
from tests.stored import acts, nothing_stored
from tests.worlds import World


def test_an_admin_exports_their_own_organizations_members(
    world: World, rival: World
) -> None:
    first, *lines = exported(world.people["admin0"])
    assert first == HEADINGS
    site = world.sites[0].name
    assert lines == [
        f"{site},heart-admin0,,,,admin",
        f"{site},heart-alice,,,,researcher",
        f"{site},heart-bob,,,,viewer",
        f"{site},heart-carol,,,,steward",
    ]


def test_a_platform_admin_exports_everybody_or_what_the_list_shows(
    world: World, rival: World
) -> None:
    root = world.platform_admin
    assert len(exported(root)) == 1 + Membership.objects.count()
    site = rival.sites[1]
    names = {line.split(",")[1] for line in exported(root, f"organization={site.pk}")}
    assert names == {"username", "kidney-dave", "kidney-admin1"}
    assert len(exported(root, "role=steward")) == 3


def test_a_filter_does_not_lead_out_of_ones_organizations(
    world: World, rival: World
) -> None:
    admin = world.people["admin0"]
    for pk in (rival.sites[0].pk, 999_999):
        assert exported(admin, f"organization={pk}") == [HEADINGS]


@pytest.mark.parametrize("person", ["manager", "alice", "bob", "carol"])
def test_whoever_manages_no_people_takes_nothing_away(
    world: World, person: str
) -> None:
    user = manager_of(world) if person == "manager" else world.people[person]
    with nothing_stored():
        assert export(user).status_code == 404
        assert desk(user).get(address(Membership, "import")).status_code == 404
        assert preview(user).status_code == 404


def test_an_export_is_in_the_audit_and_a_look_at_its_head_is_not(
    world: World,
) -> None:
    admin = world.people["admin0"]
    desk(admin).head(address(Membership, "export"))
    assert acts("members.exported") == 0
    exported(admin)
    event = Event.objects.get(action="members.exported")
    assert (event.actor_id, event.object_type, event.object_id) == (
        admin.pk,
        "user",
        admin.pk,
    )
    with nothing_stored():
        answer = desk(admin).post(address(Membership, "export"))
        assert answer.status_code == 405


def test_an_export_is_a_download_that_nobody_keeps(world: World) -> None:
    answer = export(world.people["admin0"])
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="members.csv"'
    assert "no-store" in answer["Cache-Control"]
    assert answer.content.startswith(b"\xef\xbb\xbf")


HOSTILE = [
    "=1+1",
    "+49",
    "-x",
    "@SUM(A1)",
    "'=x",
    "''=x",
    "O'Brien",
    'a,"b"',
    "\uff1d1",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_runs_in_no_spreadsheet_and_comes_back_as_it_was(
    world: World, name: str
) -> None:
    User.objects.filter(pk=world.people["alice"].pk).update(last_name=name)
    admin = world.people["admin0"]
    (line,) = [line for line in exported(admin) if "alice" in line]
    (cells,) = csv.reader([line])
    assert cells[3][0] not in "=+-@\uff1d"
    assert "unchanged 1" in words(preview(admin, line))


def test_what_was_exported_changes_nothing_when_it_is_imported(world: World) -> None:
    admin = world.people["admin0"]
    answer = preview(admin, *exported(admin)[1:])
    assert answer.status_code == 200
    assert "Nothing to do" in words(answer)
    assert 'name="agreed"' not in text(answer)


def test_the_lists_button_exports_what_the_list_shows(world: World) -> None:
    page = text(desk(world.people["admin0"]).get(f"{address(Membership)}?role=viewer"))
    assert f'href="{address(Membership, "export")}?role=viewer"' in page
    listed = text(desk(manager_of(world)).get(address(Membership)))
    assert address(Membership, "export") not in listed
    assert address(Membership, "import") not in listed
