"""Members of collaborations brought in as CSV: a preview, then all of it or nothing."""

import pytest

from apps.accounts import naming
from apps.audit.actors import SYSTEM, Actor
from apps.audit.models import Event
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import (
    answer_invitation,
    invite_organization,
    set_may_create_tasks,
)
from apps.collaborations.models import Participation
from apps.collaborations.services import archive_collaboration, set_collaboration_admins
from tests.collaborations.parties import (
    COLUMNS,
    agree,
    bring,
    preview,
    second_of,
    site_called,
    state_of,
    wrong,
)
from tests.desk import act, address, manager_of, text
from tests.site.members import agree as agree_people
from tests.site.members import agreed, words
from tests.site.members import preview as preview_people
from tests.stored import acts, nothing_stored
from tests.worlds import World, take_in

ENDED, DECLINED = ParticipationStatus.ENDED, ParticipationStatus.DECLINED


def rows() -> list[tuple[object, ...]]:
    fields = ("collaboration", "organization", "status", "may_create_tasks")
    return list(Participation.objects.order_by("pk").values_list(*fields))


def test_a_preview_says_what_would_be_done_and_does_nothing(world: World) -> None:
    own, (a, b, _), before = world.collaboration, world.sites, rows()
    site_called("Site West")
    with nothing_stored(told=1):
        answer = preview(
            manager_of(world), f"{own},Site West,", f"{own},{a},no", f"{own},{b},yes"
        )
    assert answer.status_code == 200
    shown = words(answer)
    assert f"2 New invitation Site West {own} Yes" in shown
    assert f"3 Changed {a} {own} Yes → No" in shown
    assert "unchanged 1" in shown
    assert "no-store" in answer["Cache-Control"]
    assert rows() == before


def test_what_was_shown_is_done_and_is_in_the_audit(world: World) -> None:
    manager, own, site = manager_of(world), world.collaboration, world.sites[0]
    west, others = site_called("Site West"), world.sites[1:]
    answer = bring(manager, f"{own},Site West,", f"{own},{site},no")
    assert (answer.status_code, answer["Location"]) == (302, address(Participation))
    assert state_of(own, west) == ("invited", True)
    assert state_of(own, site) == ("accepted", False)
    assert {state_of(own, other) for other in others} == {("accepted", True)}
    where = {"actor_id": manager.pk, "collaboration_id": own.pk}
    assert acts("participation.invited", organization_id=west.pk, **where) == 1
    event = Event.objects.get(action="participation.sending_stopped", **where)
    assert event.organization_id == site.pk
    assert event.details["after"] == {"may_create_tasks": False}


def test_it_only_invites_and_the_organizations_own_admin_consents(
    world: World, rival: World
) -> None:
    own, site = world.collaboration, rival.sites[0]
    bring(manager_of(world), f"{own},{site},")
    assert state_of(own, site) == ("invited", True)
    assert not own.participations.accepted().filter(organization=site).exists()
    asked = own.participations.get(organization=site)
    assert act(rival.people["admin0"], asked, "accept").status_code == 302
    assert state_of(own, site) == ("accepted", True)


def test_who_has_left_is_invited_again_unless_the_line_says_that_they_left(
    world: World,
) -> None:
    own, site, manager = world.collaboration, world.sites[0], manager_of(world)
    left = site.participations.get()
    set_may_create_tasks(participation=left, allowed=False, actor=SYSTEM)
    answer_invitation(participation=left, answer=ENDED, actor=SYSTEM)
    answer = preview(manager, f"{own},{site},ended,no,", headings=COLUMNS)
    assert "Nothing to do" in words(answer)
    assert bring(manager, f"{own},{site},no").status_code == 302
    assert state_of(own, site) == ("invited", False)


def test_every_wrong_cell_is_named_and_nothing_is_done(world: World) -> None:
    own, (a, b, _), manager = world.collaboration, world.sites, manager_of(world)
    site_called("Site West")
    site_called("Site East")
    invited = site_called("Site South")
    invite_organization(collaboration=own, organization=invited, actor=SYSTEM)
    with nothing_stored(told=1):
        shown = wrong(
            manager,
            f"{own},Site West,,,",
            f"{own},Nowhere at all,,,",
            f"{own},{a},,maybe,",
            f"{own},Site East,,no,",
            f"{own},Site South,,no,",
            f"{own},{b},invited,,",
            f"{own},{b},,,",
            headings=COLUMNS,
        )
    assert "6 lines cannot be imported, so nothing is" in shown
    for sentence in (
        "3 organization Nowhere at all There is no organization of this name.",
        "4 may_create_tasks maybe One of yes, no.",
        "5 may_create_tasks no This is changed once it takes part.",
        "6 may_create_tasks no This is changed once it takes part.",
        "7 state invited It is another. Leave this empty: an import only invites.",
        f"8 organization {b} An earlier line names this organization here already.",
    ):
        assert sentence in shown
    assert state_of(own, b) == ("accepted", True)


def test_a_foreign_collaboration_is_answered_like_one_that_does_not_exist(
    world: World, rival: World
) -> None:
    """Nor is anything said of the organization in such a line."""
    foreign, manager, pages = rival.collaboration.name, manager_of(world), []
    for name in (foreign, "No collaboration of this name"):
        for site in (rival.sites[0].name, "Nowhere at all", world.sites[0].name):
            with nothing_stored():
                shown = wrong(manager, f"{name},{site},no")
            pages.append(shown.replace(name, "…").replace(site, "…"))
    assert len(set(pages)) == 1
    assert "You manage no collaboration of this name." in pages[0]


def test_an_archived_collaboration_takes_no_change(world: World, rival: World) -> None:
    manager = manager_of(world)
    over = second_of(manager)
    take_in(over, world.sites[0])
    archive_collaboration(collaboration=over, actor=SYSTEM)
    for line in (f"{over},{world.sites[0]},no", f"{over},{rival.sites[0]},"):
        with nothing_stored():
            shown = wrong(manager, line)
        assert "It is archived: nothing in it changes any more." in shown
    assert "unchanged 1" in words(preview(manager, f"{over},{world.sites[0]},yes"))


def test_a_platform_admin_imports_for_all(world: World, rival: World) -> None:
    with nothing_stored():
        signed = agreed(
            preview(
                world.platform_admin,
                f"{world.collaboration},{rival.sites[0]},",
                f"{rival.collaboration},{rival.sites[1]},no",
            )
        )
    assert agree(world.platform_admin, signed).status_code == 302
    assert state_of(world.collaboration, rival.sites[0]) == ("invited", True)
    assert state_of(rival.collaboration, rival.sites[1]) == ("accepted", False)


def test_names_out_of_sight_are_counted_whether_there_is_one_or_not(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a preview both are told, and neither leaves an invitation."""
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 5)
    own, manager = world.collaboration, manager_of(world)
    names = [rival.sites[0].name, rival.sites[1].name, "Nowhere", world.sites[0].name]
    lines = [f"{own},{name}," for name in names]
    assert preview(manager, *lines).status_code == 422
    event = Event.objects.get(action="name.told")
    assert (event.details, event.object_type) == ({"names": 3}, "organization")
    assert (event.actor_id, event.collaboration_id) == (manager.pk, own.pk)
    with nothing_stored():
        shown = wrong(manager, *lines)
    assert "Too many names that you cannot see" in shown
    assert "There is no organization" not in shown


def test_what_was_agreed_to_is_not_counted_again(
    world: World, rival: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 1)
    line = f"{world.collaboration},{rival.sites[0]},"
    assert bring(manager_of(world), line).status_code == 302
    assert acts("name.told") == 1
    assert "unchanged 1" in words(preview(manager_of(world), line))


def test_what_has_changed_since_the_preview_is_not_done(world: World) -> None:
    own, site, manager = world.collaboration, world.sites[0], manager_of(world)
    west = site_called("Site West")
    signed = agreed(preview(manager, f"{own},{west},", f"{own},{site},no"))
    left = site.participations.get()
    answer_invitation(participation=left, answer=ENDED, actor=SYSTEM)
    with nothing_stored(told=1):
        answer = agree(manager, signed)
    assert answer.status_code == 409
    assert "Nothing was imported" in words(answer)
    assert not west.participations.exists()
    assert state_of(own, site) == ("ended", True)


def test_the_same_page_sent_twice_imports_once(world: World) -> None:
    own, manager = world.collaboration, manager_of(world)
    west = site_called("Site West")
    signed = agreed(preview(manager, f"{own},{west},"))
    assert agree(manager, signed).status_code == 302
    asked = west.participations.get()
    answer_invitation(participation=asked, answer=DECLINED, actor=SYSTEM)
    with nothing_stored():
        assert agree(manager, signed).status_code == 409
    assert state_of(own, west) == ("declined", True)


def test_whoever_manages_it_no_longer_finishes_nothing(world: World) -> None:
    own, manager = world.collaboration, manager_of(world)
    west = site_called("Site West")
    signed = agreed(preview(manager, f"{own},{west},"))
    root = Actor.user(world.platform_admin.pk)
    set_collaboration_admins(collaboration=own, admins=[], actor=root)
    with nothing_stored():
        assert agree(manager, signed).status_code == 404
    second_of(manager)
    with nothing_stored():
        answer = agree(manager, signed)
    assert answer.status_code == 409
    assert "You manage no collaboration of this name." in words(answer)
    assert not west.participations.exists()


def test_nobody_sends_what_another_person_or_another_page_was_shown(
    world: World, rival: World
) -> None:
    own, manager, root = world.collaboration, manager_of(world), world.platform_admin
    signed = agreed(preview(root, f"{own},{rival.sites[0]},"))
    of_people = agreed(preview_people(root, f"{world.sites[0]},zoe,,,,viewer"))
    for user, sent in ((manager, signed), (manager, ""), (root, of_people)):
        with nothing_stored():
            answer = agree(user, sent)
        assert answer.status_code == 422
        assert "This preview is older than 15 minutes" in words(answer)
    with nothing_stored():
        assert agree_people(root, signed).status_code == 422


def test_a_refusal_half_way_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line's service fails as a full disk would: the first is undone."""
    own, manager = world.collaboration, manager_of(world)
    west = site_called("Site West")
    signed = agreed(preview(manager, f"{own},{west},", f"{own},{world.sites[0]},no"))

    def fail(**values: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("apps.collaborations.member_rows.set_may_create_tasks", fail)
    with nothing_stored(), pytest.raises(OSError, match="no space"):
        agree(manager, signed)
    assert not west.participations.exists()


def test_markup_in_a_file_stays_text(world: World) -> None:
    hostile = "<script>alert(1)</script>"
    answer = preview(manager_of(world), f"{hostile},{hostile},{hostile}")
    assert hostile not in text(answer)
    assert hostile in words(answer)


def test_a_file_without_its_columns_is_refused_in_a_sentence(world: World) -> None:
    shown = wrong(manager_of(world), "a,b", headings="collaboration,role")
    assert "The first line names the columns: collaboration, organization" in shown
    assert "what may be left out: state, may_create_tasks, since." in shown
