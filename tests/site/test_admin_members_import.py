"""Members brought in as CSV: a preview, and then all of it or nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps import csv_imports
from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from apps.organizations.services import end_membership, grant_membership
from tests.desk import address, manager_of, text
from tests.site.members import (
    PASSWORD,
    agree,
    agreed,
    bring,
    preview,
    words,
)
from tests.stored import acts, nothing_stored
from tests.worlds import World


def role_of(user: User, organization: Organization) -> str | None:
    found = Membership.objects.filter(user=user, organization=organization).first()
    return found.role if found else None


def roles() -> list[tuple[object, ...]]:
    return list(Membership.objects.order_by("pk").values_list("user", "role"))


def test_a_preview_says_what_would_be_done_and_does_nothing(world: World) -> None:
    site, before = world.sites[0].name, roles()
    with nothing_stored():
        answer = preview(
            world.people["admin0"],
            f"{site},zoe,Zoë,Zimmer,zoe@example.org,researcher",
            f"{site},heart-bob,,,,data steward",
            f"{site},heart-alice,,,,researcher",
        )
    assert answer.status_code == 200
    shown = words(answer)
    assert "2 New person zoe Zoë Zimmer" in shown
    assert "3 Changed heart-bob" in shown
    assert "Viewer → Data steward" in shown
    assert "unchanged 1" in shown
    assert roles() == before
    assert not User.objects.filter(username="zoe").exists()


def test_what_was_shown_is_done_with_passwords_shown_once(world: World) -> None:
    admin, site = world.people["admin0"], world.sites[0]
    answer = bring(
        admin,
        f"{site},zoe,Zoë,Zimmer,zoe@example.org,researcher",
        f"{site},yan,,,,viewer",
        f"{site},heart-bob,,,,steward",
    )
    zoe, yan = User.objects.get(username="zoe"), User.objects.get(username="yan")
    first, second = PASSWORD.findall(text(answer))
    assert zoe.check_password(first)
    assert yan.check_password(second)
    assert "no-store" in answer["Cache-Control"]
    assert (zoe.first_name, zoe.last_name, zoe.email) == (
        "Zoë",
        "Zimmer",
        "zoe@example.org",
    )
    assert role_of(zoe, site) == Role.RESEARCHER
    assert role_of(yan, site) == Role.VIEWER
    assert role_of(world.people["bob"], site) == Role.STEWARD
    assert zoe.has_perm("organizations.send_tasks", site)
    assert not zoe.is_superuser


def test_an_import_is_in_the_audit_like_every_grant(world: World) -> None:
    admin, site, bob = world.people["admin0"], world.sites[0], world.people["bob"]
    page = text(bring(admin, f"{site},zoe,,,,viewer", f"{site},heart-bob,,,,admin"))
    zoe = User.objects.get(username="zoe")
    assert acts("person.created", object_id=zoe.pk, actor_id=admin.pk) == 1
    assert acts("membership.granted", details__user=zoe.pk, actor_id=admin.pk) == 1
    event = Event.objects.get(
        action="membership.granted", details__user=bob.pk, actor_id=admin.pk
    )
    assert event.details["before"] == {"role": "viewer"}
    assert event.details["after"] == {"role": "admin"}
    (password,) = PASSWORD.findall(page)
    assert password not in str(list(Event.objects.values_list("details", flat=True)))


def test_nobody_is_removed_who_is_not_in_the_file(world: World) -> None:
    before = roles()
    answer = bring(world.people["admin0"], f"{world.sites[0]},heart-bob,,,,researcher")
    assert answer.status_code == 302
    assert answer["Location"] == address(Membership)
    assert len(roles()) == len(before)


def test_one_wrong_line_stops_all_of_it(world: World) -> None:
    site = world.sites[0]
    with nothing_stored():
        answer = preview(
            world.people["admin0"],
            f"{site},zoe,,,,viewer",
            f"{site},b o b,,,not-an-address,emperor",
        )
    assert answer.status_code == 422
    shown = words(answer)
    assert "1 line cannot be imported, so nothing is" in shown
    assert "3 username b o b Enter a valid username" in shown
    assert "3 email not-an-address Enter a valid email address" in shown
    assert "3 role emperor One of viewer, researcher, steward, admin." in shown
    assert 'name="agreed"' not in text(answer)


def test_a_foreign_organization_is_answered_like_one_that_does_not_exist(
    world: World, rival: World
) -> None:
    pages = []
    for name in (world.sites[1].name, rival.sites[0].name, "Nowhere at all"):
        for person in ("zoe", "heart-bob", "kidney-bob"):
            with nothing_stored(told=1 if person == "kidney-bob" else 0):
                answer = preview(world.people["admin0"], f"{name},{person},,,,viewer")
            assert answer.status_code == 422
            pages.append(words(answer).replace(name, "…"))
    assert pages[:3] == pages[3:6] == pages[6:]
    assert "You manage no organization of this name." in pages[0]


def test_people_elsewhere_are_not_given_roles_by_their_names(
    world: World, rival: World
) -> None:
    with nothing_stored(told=1):
        answer = preview(
            world.people["admin0"], f"{world.sites[0]},kidney-bob,,,,viewer"
        )
    assert "This username is taken." in words(answer)


def test_a_platform_admin_imports_for_all(world: World, rival: World) -> None:
    answer = bring(
        world.platform_admin,
        f"{world.sites[1]},kidney-bob,,,,viewer",
        f"{rival.sites[2]},zoe,,,,admin",
        f"{world.sites[2]},zoe,,,,viewer",
    )
    zoe = User.objects.get(username="zoe")
    assert len(PASSWORD.findall(text(answer))) == 1
    assert role_of(rival.people["bob"], world.sites[1]) == Role.VIEWER
    assert role_of(zoe, rival.sites[2]) == Role.ADMIN
    assert role_of(zoe, world.sites[2]) == Role.VIEWER


def test_nobody_changes_their_own_role(world: World) -> None:
    admin, root, site = world.people["admin0"], world.platform_admin, world.sites[0]
    for user, name in ((admin, "heart-admin0"), (root, "heart-root")):
        with nothing_stored():
            answer = preview(user, f"{site},{name},,,,researcher")
        assert answer.status_code == 422
        assert "Nobody changes their own role: ask another admin." in words(answer)
    assert role_of(admin, site) == Role.ADMIN
    assert role_of(root, site) is None


def test_a_name_that_differs_may_be_another_person(world: World) -> None:
    User.objects.filter(username="heart-bob").update(first_name="Bob", email="b@c.org")
    site = world.sites[0]
    with nothing_stored():
        answer = preview(world.people["admin0"], f"{site},heart-bob,Robert,,,admin")
    assert "first name Robert Not as this person is known." in words(answer)
    answer = preview(world.people["admin0"], f"{site},heart-bob,Bob,,b@c.org,admin")
    assert "Changed heart-bob" in words(answer)


def test_a_person_named_twice_is_said_at_the_second_line(world: World) -> None:
    line = f"{world.sites[0]},zoe,,,,viewer"
    with nothing_stored():
        answer = preview(world.people["admin0"], line, line)
    assert "3 username zoe An earlier line names this person here already." in words(
        answer
    )


def test_two_lines_of_a_new_person_tell_the_same_of_them(world: World) -> None:
    first, second = world.sites[:2]
    answer = preview(
        world.platform_admin,
        f"{first},zoe,Zoe,,,viewer",
        f"{second},zoe,Zelda,,,viewer",
    )
    assert "3 first name Zelda Not as this person is known." in words(answer)


def test_what_has_changed_since_the_preview_is_not_done(world: World) -> None:
    admin, site, bob = world.people["admin0"], world.sites[0], world.people["bob"]
    signed = agreed(
        preview(admin, f"{site},zoe,,,,viewer", f"{site},heart-bob,,,,admin")
    )
    grant_membership(user=bob, organization=site, role=Role.RESEARCHER, actor=SYSTEM)
    with nothing_stored():
        answer = agree(admin, signed)
    assert answer.status_code == 409
    assert "Nothing was imported" in words(answer)
    assert "Researcher → Admin" in words(answer)
    assert not User.objects.filter(username="zoe").exists()
    assert agree(admin, agreed(answer)).status_code == 200
    assert role_of(bob, site) == Role.ADMIN


def test_the_same_page_sent_twice_imports_once(world: World) -> None:
    admin, site = world.people["admin0"], world.sites[0]
    signed = agreed(preview(admin, f"{site},zoe,,,,viewer"))
    assert len(PASSWORD.findall(text(agree(admin, signed)))) == 1
    zoe = User.objects.get(username="zoe")
    with nothing_stored():
        answer = agree(admin, signed)
    assert answer.status_code == 409
    assert not PASSWORD.search(text(answer))
    assert User.objects.get(username="zoe").password == zoe.password


def test_whoever_is_no_longer_admin_finishes_nothing(world: World) -> None:
    admin, site = world.people["admin0"], world.sites[0]
    signed = agreed(preview(admin, f"{site},zoe,,,,viewer"))
    end_membership(membership=admin.memberships.get(), actor=SYSTEM)
    with nothing_stored():
        assert agree(admin, signed).status_code == 404
    assert not User.objects.filter(username="zoe").exists()


def test_an_admin_of_another_organization_meanwhile_does_nothing_in_the_first(
    world: World,
) -> None:
    admin, (first, second) = world.people["admin0"], world.sites[:2]
    signed = agreed(preview(admin, f"{first},zoe,,,,viewer"))
    end_membership(membership=admin.memberships.get(), actor=SYSTEM)
    grant_membership(user=admin, organization=second, role=Role.ADMIN, actor=SYSTEM)
    with nothing_stored():
        answer = agree(admin, signed)
    assert answer.status_code == 409
    assert "You manage no organization of this name." in words(answer)


def test_nobody_sends_what_another_person_was_shown(world: World) -> None:
    signed = agreed(preview(world.platform_admin, f"{world.sites[0]},zoe,,,,viewer"))
    for text_sent in (signed, signed[:-1], "", "nonsense"):
        with nothing_stored():
            answer = agree(world.people["admin0"], text_sent)
        assert answer.status_code == 422
        assert "This preview is older than 15 minutes" in words(answer)
    with nothing_stored():
        assert agree(manager_of(world), signed).status_code == 404


def test_a_preview_is_good_for_a_quarter_of_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = world.people["admin0"]
    signed = agreed(preview(admin, f"{world.sites[0]},zoe,,,,viewer"))
    later = (timezone.now() + timedelta(minutes=16)).timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    with nothing_stored():
        answer = agree(admin, signed)
    assert answer.status_code == 422
    assert "Choose the file again" in words(answer)


def test_a_preview_is_kept_by_nobody_but_its_page(world: World) -> None:
    answer = preview(world.people["admin0"], f"{world.sites[0]},zoe,,,,viewer")
    assert "no-store" in answer["Cache-Control"]


def test_a_refusal_half_way_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line's service fails as a full disk would: the first is undone."""
    admin, site = world.people["admin0"], world.sites[0]
    signed = agreed(
        preview(admin, f"{site},zoe,,,,viewer", f"{site},heart-bob,,,,admin")
    )

    def fail(**values: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("apps.organizations.member_rows.grant_membership", fail)
    with nothing_stored(), pytest.raises(OSError, match="no space"):
        agree(admin, signed)
    assert not User.objects.filter(username="zoe").exists()


def test_a_file_changes_so_many_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_imports, "CHANGES_AT_MOST", 1)
    site = world.sites[0]
    alone = f"{site},zoe,,,,viewer"
    assert preview(world.people["admin0"], alone).status_code == 200
    answer = preview(world.people["admin0"], alone, f"{site},kidney-bob,,,,viewer")
    assert answer.status_code == 422
    assert "Divide the file." in words(answer)
    assert "taken" not in words(answer)
