"""A collaboration's policy, its admins and its invitations."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM, Actor
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import (
    invite_organization,
    set_may_create_tasks,
    withdraw_invitation,
)
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import administers
from apps.collaborations.services import set_collaboration_admins, update_collaboration
from apps.errors import Conflict, Forbidden
from tests.stored import acts, nothing_stored
from tests.worlds import World

NEXT_YEAR = timezone.now() + timedelta(days=365)


def test_the_policy_is_changed_as_a_whole_or_not_at_all(world: World) -> None:
    own = world.collaboration
    update_collaboration(
        collaboration=own,
        purpose="anew",
        visibility=Visibility.COLLABORATION,
        deadline_days=3,
        expires_at=NEXT_YEAR,
        open_tasks_per_user=2,
        actor=SYSTEM,
    )
    with pytest.raises(ValidationError), nothing_stored():
        update_collaboration(
            collaboration=own,
            purpose="never",
            visibility=Visibility.INITIATOR,
            deadline_days=0,
            expires_at=None,
            open_tasks_per_user=None,
            actor=SYSTEM,
        )
    stored = Collaboration.objects.get(pk=own.pk)
    policy = (stored.visibility, stored.deadline_days, stored.expires_at)
    assert policy == (Visibility.COLLABORATION, 3, NEXT_YEAR)
    assert (stored.purpose, stored.open_tasks_per_user) == ("anew", 2)
    assert acts("collaboration.changed", object_id=own.pk) == 1


def test_admins_gain_and_lose_their_rights_with_the_list(world: World) -> None:
    own, dave = world.collaboration, world.people["dave"]
    for admins in ([dave], []):
        set_collaboration_admins(collaboration=own, admins=admins, actor=SYSTEM)
        person = User.objects.get(pk=dave.pk)
        may = person.has_perm("collaborations.manage_collaboration", own)
        assert may is bool(admins)
        assert administers(person) is bool(admins)
    assert acts("collaboration.admins_set", object_id=own.pk) == 2


def test_only_a_platform_admin_names_admins_and_never_themselves(world: World) -> None:
    own, root, admin = world.collaboration, world.platform_admin, world.people["admin0"]
    for asker, named in ((admin, world.people["dave"]), (root, root)):
        with pytest.raises(Forbidden), nothing_stored():
            set_collaboration_admins(
                collaboration=own, admins=[named], actor=Actor.user(asker.pk)
            )
    assert not own.admins.exists()


def test_who_is_only_invited_is_not_kept_from_sending(
    world: World, rival: World
) -> None:
    participation = invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    with pytest.raises(Conflict), nothing_stored():
        set_may_create_tasks(participation=participation, allowed=False, actor=SYSTEM)


def test_only_an_unanswered_invitation_is_withdrawn(world: World, rival: World) -> None:
    participation = invite_organization(
        collaboration=world.collaboration,
        organization=rival.sites[0],
        actor=SYSTEM,
    )
    withdraw_invitation(participation=participation, actor=SYSTEM)
    assert participation.status == ParticipationStatus.ENDED
    accepted = Participation.objects.get(organization=world.sites[0])
    for other in (participation, accepted):
        before = other.status
        with pytest.raises(Conflict), nothing_stored():
            withdraw_invitation(participation=other, actor=SYSTEM)
        other.refresh_from_db()
        assert other.status == before
    assert acts("participation.withdrawn", collaboration_id=world.collaboration.pk) == 1


def test_the_administration_is_for_admins(world: World) -> None:
    may = {name for name, user in world.people.items() if administers(user)}
    assert may == {"admin0", "admin1", "admin2"}
    assert administers(world.platform_admin)
    world.platform_admin.is_active = False
    assert not administers(world.platform_admin)
