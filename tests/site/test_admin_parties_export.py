"""Members of collaborations taken away as CSV: whose, and as what."""

import csv
from datetime import datetime

import pytest

from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import (
    answer_invitation,
    invite_organization,
    set_may_create_tasks,
)
from apps.collaborations.models import Participation
from apps.collaborations.services import archive_collaboration
from apps.organizations.models import Organization
from tests.collaborations.parties import (
    COLUMNS,
    export,
    exported,
    preview,
    second_of,
    site_called,
)
from tests.desk import address, desk, manager_of, text
from tests.site.members import words
from tests.stored import acts, nothing_stored
from tests.worlds import World, take_in


def cells(lines: list[str]) -> list[tuple[str, ...]]:
    return [tuple(row[:4]) for row in csv.reader(lines[1:])]


def test_an_admin_exports_the_members_of_their_own_collaborations(
    world: World, rival: World
) -> None:
    own, west = world.collaboration, site_called("Site West")
    invite_organization(collaboration=own, organization=west, actor=SYSTEM)
    a, b, c = world.sites
    stopped = b.participations.get()
    set_may_create_tasks(participation=stopped, allowed=False, actor=SYSTEM)
    lines = exported(manager_of(world))
    assert lines[0] == COLUMNS
    assert sorted(cells(lines)) == [
        (own.name, a.name, "accepted", "yes"),
        (own.name, b.name, "accepted", "no"),
        (own.name, c.name, "accepted", "yes"),
        (own.name, west.name, "invited", "yes"),
    ]


def test_it_says_since_when_a_state_is_so(world: World) -> None:
    participation = world.sites[0].participations.get()
    for row in csv.reader(exported(manager_of(world))[1:]):
        if row[1] == world.sites[0].name:
            at = participation.answered_at
            assert at is not None
            assert datetime.fromisoformat(row[4]) == at.replace(microsecond=0)
            return
    pytest.fail("the first site is not in the file")


def test_it_has_what_the_list_shows_with_its_filters(
    world: World, rival: World
) -> None:
    manager = manager_of(world)
    other = second_of(manager)
    take_in(other, world.sites[0])
    west = invite_organization(
        collaboration=other, organization=site_called("Site West"), actor=SYSTEM
    )
    answer_invitation(
        participation=west, answer=ParticipationStatus.DECLINED, actor=SYSTEM
    )
    declined = [(other.name, "Site West", "declined", "yes")]
    assert cells(exported(manager, "status=declined")) == declined
    assert len(cells(exported(manager, f"collaboration={other.pk}"))) == 2
    assert len(cells(exported(manager, f"organization={world.sites[0].pk}"))) == 2
    assert cells(exported(manager, "q=West")) == declined
    root = world.platform_admin
    assert len(cells(exported(root))) == Participation.objects.count()


def test_a_filter_does_not_lead_out_of_ones_collaborations(
    world: World, rival: World
) -> None:
    manager = manager_of(world)
    for pk in (rival.collaboration.pk, 999_999):
        assert exported(manager, f"collaboration={pk}") == [COLUMNS]
    assert exported(manager, f"organization={rival.sites[0].pk}") == [COLUMNS]


def test_what_ones_organization_takes_part_in_is_not_ones_to_take_away(
    world: World, rival: World
) -> None:
    admin = world.people["admin0"]
    second_of(admin)
    assert exported(admin) == [COLUMNS]


@pytest.mark.parametrize("person", ["admin0", "alice", "bob", "carol"])
def test_whoever_manages_no_collaboration_takes_and_brings_nothing(
    world: World, person: str
) -> None:
    user = world.people[person]
    with nothing_stored():
        assert export(user).status_code == 404
        assert desk(user).get(address(Participation, "import")).status_code == 404
        assert preview(user, f"{world.collaboration},Nowhere,").status_code == 404


def test_an_export_is_in_the_audit_and_a_look_at_its_head_is_not(world: World) -> None:
    manager = manager_of(world)
    desk(manager).head(address(Participation, "export"))
    assert acts("participations.exported") == 0
    answer = export(manager)
    event = Event.objects.get(action="participations.exported")
    assert (event.actor_id, event.object_type, event.object_id) == (
        manager.pk,
        "user",
        manager.pk,
    )
    assert "no-store" in answer["Cache-Control"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    where = 'attachment; filename="collaboration-members.csv"'
    assert answer["Content-Disposition"] == where
    with nothing_stored():
        answer = desk(manager).post(address(Participation, "export"))
        assert answer.status_code == 405


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@SUM(A1)", "''=x", 'a,"b"'])
def test_a_name_runs_in_no_spreadsheet_and_comes_back_as_it_was(
    world: World, name: str
) -> None:
    Organization.objects.filter(pk=world.sites[0].pk).update(name=name)
    manager = manager_of(world)
    lines = exported(manager)
    (line,) = [line for line in lines if name.strip("'")[:4] in line.replace('""', '"')]
    (row,) = csv.reader([line])
    assert row[1][0] not in "=+-@"
    assert "unchanged 1" in words(preview(manager, line, headings=COLUMNS))


def test_what_was_exported_changes_nothing_when_it_is_imported(world: World) -> None:
    """Not even of who has left: the file says so itself."""
    gone, stopped = (site.participations.get() for site in world.sites[:2])
    answer_invitation(
        participation=gone, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )
    set_may_create_tasks(participation=stopped, allowed=False, actor=SYSTEM)
    manager = manager_of(world)
    over = second_of(manager)
    take_in(over, world.sites[0])
    archive_collaboration(collaboration=over, actor=SYSTEM)
    lines = exported(manager)
    answer = preview(manager, *lines[1:], headings=COLUMNS)
    assert answer.status_code == 200
    assert "unchanged 4" in words(answer)
    assert "Nothing to do" in words(answer)
    assert 'name="agreed"' not in text(answer)


def test_the_lists_buttons_are_there_for_who_may(world: World) -> None:
    page = desk(manager_of(world)).get(f"{address(Participation)}?status=invited")
    where = f'href="{address(Participation, "export")}?status=invited"'
    assert where in text(page)
    assert f'href="{address(Participation, "import")}"' in text(page)
    other = text(desk(world.people["admin0"]).get(address(Participation)))
    assert address(Participation, "export") not in other
    assert address(Participation, "import") not in other
