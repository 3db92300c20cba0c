"""Collaborations and invitations: who decides what, and what is stored."""

import pytest

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import invite_organization
from apps.collaborations.models import Collaboration, Participation
from apps.organizations.services import create_organization
from apps.tasks.models import Run
from tests.desk import act, desk, manager_of, shown_to, text
from tests.stored import acts, nothing_stored
from tests.worlds import World

POLICY = {"purpose": "to learn more", "visibility": "initiator", "deadline_days": "7"}


def state(participation: Participation) -> str:
    participation.refresh_from_db()
    return participation.status


def invited(world: World, rival: World) -> Participation:
    """The rival's first site, invited into the world's collaboration."""
    return invite_organization(
        collaboration=world.collaboration,
        organization=rival.sites[0],
        actor=SYSTEM,
    )


def test_a_platform_admin_creates_a_collaboration(world: World) -> None:
    fields = {"name": "Lung cancer", **POLICY}
    answer = act(world.platform_admin, Collaboration, "add", **fields)
    made = Collaboration.objects.get(name="Lung cancer")
    assert answer.status_code == 302
    assert (made.purpose, made.visibility, made.deadline_days) == (
        "to learn more",
        Visibility.INITIATOR,
        7,
    )
    assert acts("collaboration.created", object_id=made.pk) == 1


def test_others_create_none(world: World) -> None:
    fields = {"name": "Lung cancer", **POLICY}
    for user in (world.people["admin0"], manager_of(world)):
        assert act(user, Collaboration, "add", **fields).status_code == 404
    assert not Collaboration.objects.filter(name="Lung cancer").exists()


def test_its_admin_changes_the_policy_for_tasks_to_come(world: World) -> None:
    sent = world.send()
    own = world.collaboration
    assert act(manager_of(world), own, "edit", **POLICY).status_code == 302
    own.refresh_from_db()
    assert (own.visibility, own.deadline_days) == (Visibility.INITIATOR, 7)
    assert own.tasks.get(pk=sent["id"]).visibility == Visibility.ORGANIZATION
    assert acts("collaboration.changed", object_id=own.pk) == 1


def test_wrong_values_are_said_at_their_fields_and_stay_in_the_form(
    world: World,
) -> None:
    wrong = {**POLICY, "deadline_days": "0", "visibility": "everybody"}
    with nothing_stored():
        answer = act(manager_of(world), world.collaboration, "edit", **wrong)
    assert answer.status_code == 422
    assert "greater than or equal to 1" in text(answer)
    assert "to learn more" in text(answer)


@pytest.mark.parametrize("page", ["edit", "admins"])
def test_nobody_else_changes_it(world: World, rival: World, page: str) -> None:
    fields = {**POLICY, "usernames": world.people["admin0"].username}
    with nothing_stored():
        for user in (world.people["admin0"], manager_of(rival)):
            answer = act(user, world.collaboration, page, **fields)
            assert answer.status_code == 404
    assert not world.collaboration.admins.filter(pk=world.people["admin0"].pk).exists()


def test_admins_are_named_by_the_platform_admin_only(world: World) -> None:
    own, dave = world.collaboration, world.people["dave"]
    manager = manager_of(world)
    both = f"{dave.username}\n{manager.username}\n"
    assert act(manager, own, "admins", usernames=both).status_code == 404
    assert act(world.platform_admin, own, "admins", usernames=both).status_code == 302
    assert set(own.admins.all()) == {dave, manager}
    assert User.objects.get(pk=dave.pk).has_perm(
        "collaborations.manage_collaboration", own
    )
    assert acts("collaboration.admins_set", object_id=own.pk) == 1
    with nothing_stored():
        answer = act(world.platform_admin, own, "admins", usernames="nobody")
    assert answer.status_code == 422
    assert set(own.admins.all()) == {dave, manager}


def test_an_organization_is_invited_by_its_name(world: World) -> None:
    west = create_organization(name="Site West", actor=SYSTEM)
    manager = manager_of(world)
    fields = {"collaboration": world.collaboration.pk, "organization": west.name}
    assert act(manager, Participation, "add", **fields).status_code == 302
    assert west.participations.get().status == ParticipationStatus.INVITED
    again = act(manager, Participation, "add", **fields)
    assert again.status_code == 422
    assert "This participation is invited." in text(again)
    assert acts("participation.invited", organization_id=west.pk) == 1


def test_nobody_invites_into_a_foreign_collaboration(
    world: World, rival: World
) -> None:
    fields = {
        "collaboration": rival.collaboration.pk,
        "organization": world.sites[0].name,
    }
    with nothing_stored():
        answer = act(manager_of(world), Participation, "add", **fields)
        assert answer.status_code == 422
        assert "not one of the available choices" in text(answer)
        own = act(world.people["admin0"], Participation, "add", **fields)
        assert own.status_code == 404


@pytest.mark.parametrize(
    ("page", "answer"), [("accept", "accepted"), ("decline", "declined")]
)
def test_the_organizations_own_admin_answers(
    world: World, rival: World, page: str, answer: str
) -> None:
    participation = invited(world, rival)
    admin = rival.people["admin0"]
    assert world.collaboration.purpose in shown_to(admin, participation)
    assert act(admin, participation, page).status_code == 302
    assert state(participation) == answer
    assert (
        acts(
            f"participation.{answer}",
            actor_id=admin.pk,
            object_id=participation.pk,
        )
        == 1
    )
    assert act(admin, participation, page).status_code == 404


@pytest.mark.parametrize("page", ["accept", "decline"])
def test_nobody_answers_in_its_stead(world: World, rival: World, page: str) -> None:
    participation = invited(world, rival)
    others = [
        world.platform_admin,
        manager_of(world),
        world.people["admin0"],
        rival.people["admin1"],
        rival.people["alice"],
    ]
    with nothing_stored():
        for user in others:
            assert act(user, participation, page).status_code == 404, user
    assert state(participation) == ParticipationStatus.INVITED


def test_an_invitation_is_withdrawn_by_the_collaborations_admin(
    world: World, rival: World
) -> None:
    participation = invited(world, rival)
    with nothing_stored():
        for user in (rival.people["admin0"], manager_of(rival)):
            assert act(user, participation, "withdraw").status_code == 404
    assert act(manager_of(world), participation, "withdraw").status_code == 302
    assert state(participation) == ParticipationStatus.ENDED
    assert act(rival.people["admin0"], participation, "accept").status_code == 404
    assert acts("participation.withdrawn", collaboration_id=world.collaboration.pk) == 1


def test_what_is_done_with_members_is_not_done_with_the_invited_nor_reverse(
    world: World, rival: World
) -> None:
    asked, member = invited(world, rival), world.sites[0].participations.get()
    not_for = ((member, "withdraw"), (asked, "end"), (asked, "stop-sending"))
    with nothing_stored():
        for participation, page in not_for:
            answer = act(manager_of(world), participation, page)
            assert answer.status_code == 404, page


@pytest.mark.parametrize(("person", "page"), [("admin1", "leave"), ("manager", "end")])
def test_either_side_ends_a_participation_and_what_waits_is_cancelled(
    world: World, person: str, page: str
) -> None:
    sent = world.send()
    user = manager_of(world) if person == "manager" else world.people[person]
    participation = world.sites[1].participations.get()
    before = text(
        desk(user).get(
            f"/admin/collaborations/participation/{participation.pk}/{page}/"
        )
    )
    assert "Runs that no node has begun are cancelled" in before
    assert act(user, participation, page).status_code == 302
    assert state(participation) == ParticipationStatus.ENDED
    run = Run.objects.get(task=sent["id"], organization=world.sites[1])
    assert run.status == "cancelled"


@pytest.mark.parametrize("page", ["leave", "end"])
def test_nobody_else_ends_it(world: World, rival: World, page: str) -> None:
    participation = world.sites[1].participations.get()
    others = [world.people["admin0"], world.people["dave"], manager_of(rival)]
    with nothing_stored():
        for user in others:
            assert act(user, participation, page).status_code == 404
    assert state(participation) == ParticipationStatus.ACCEPTED


def test_buttons_are_shown_to_those_who_may(world: World, rival: World) -> None:
    participation = invited(world, rival)
    own = shown_to(rival.people["admin0"], participation)
    manager = shown_to(manager_of(world), participation)
    for page, there in (("accept", own), ("decline", own), ("withdraw", manager)):
        link = f'href="/admin/collaborations/participation/{participation.pk}/{page}/"'
        assert link in there
        assert (link in own) is (there is own)
        assert (link in manager) is (there is manager)
