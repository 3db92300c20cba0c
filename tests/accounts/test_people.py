"""People are created with a first password, and kept out or let in again."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.people import (
    NewPerson,
    create_person,
    erase_person,
    renew_password,
    set_active,
)
from apps.audit.actors import SYSTEM, Actor
from apps.audit.models import Event
from apps.errors import Forbidden
from tests.stored import acts, nothing_stored
from tests.worlds import World


def test_a_new_person_has_a_first_password_and_no_rights(db: None) -> None:
    user, password = create_person(person=NewPerson("zoe", "Zoë"), actor=SYSTEM)
    stored = User.objects.get(username="zoe")
    assert stored.check_password(password)
    assert len(password.replace("-", "")) == 20
    assert not stored.is_staff
    assert not stored.is_superuser
    assert acts("person.created", object_id=user.pk) == 1


def test_no_two_first_passwords_are_alike(db: None) -> None:
    made = [
        create_person(person=NewPerson(f"zoe{n}"), actor=SYSTEM)[1] for n in range(20)
    ]
    assert len(set(made)) == 20


@pytest.mark.parametrize(
    "person",
    [
        NewPerson(""),
        NewPerson("with space"),
        NewPerson("<b>"),
        NewPerson("x" * 151),
        NewPerson("zoe", email="nowhere"),
    ],
)
def test_what_is_no_name_or_address_is_refused(db: None, person: NewPerson) -> None:
    before = User.objects.count()
    with pytest.raises(ValidationError), nothing_stored():
        create_person(person=person, actor=SYSTEM)
    assert User.objects.count() == before


def test_a_name_belongs_to_one_person(world: World) -> None:
    before = User.objects.count()
    taken = NewPerson(world.people["alice"].username)
    with pytest.raises(ValidationError):
        create_person(person=taken, actor=SYSTEM)
    assert User.objects.count() == before


def test_a_renewed_password_replaces_the_one_before(world: World) -> None:
    alice = world.people["alice"]
    password = renew_password(user=alice, actor=SYSTEM)
    alice.refresh_from_db()
    assert alice.check_password(password)
    assert not alice.check_password("correct horse")
    assert acts("person.password_renewed", object_id=alice.pk) == 1


def test_a_person_is_kept_out_and_let_in_again(world: World) -> None:
    alice = world.people["alice"]
    for active, action in ((False, "deactivated"), (True, "reactivated")):
        set_active(user=alice, active=active, actor=SYSTEM)
        alice.refresh_from_db()
        assert alice.is_active is active
        event = Event.objects.get(action=f"person.{action}", object_id=alice.pk)
        before, after = {"is_active": not active}, {"is_active": active}
        assert event.details == {"before": before, "after": after}


def test_nobody_keeps_themselves_out(world: World) -> None:
    root = world.platform_admin
    with pytest.raises(Forbidden), nothing_stored():
        set_active(user=root, active=False, actor=Actor.user(root.pk))
    root.refresh_from_db()
    assert root.is_active


@pytest.mark.parametrize("person", ["admin0", "a platform admin who is kept out"])
def test_only_a_platform_admin_keeps_out_or_erases(world: World, person: str) -> None:
    bob, asker = world.people["bob"], world.people.get(person, world.platform_admin)
    User.objects.filter(pk=world.platform_admin.pk).update(is_active=False)
    actor = Actor.user(asker.pk)
    with pytest.raises(Forbidden), nothing_stored():
        set_active(user=bob, active=False, actor=actor)
    with pytest.raises(Forbidden), nothing_stored():
        erase_person(user=bob, actor=actor)
    bob.refresh_from_db()
    assert bob.is_active


def test_who_is_erased_leaves_no_address_and_others_keep_theirs(world: World) -> None:
    alice, bob = world.people["alice"], world.people["bob"]
    for person in (alice, bob):
        EmailAddress.objects.create(user=person, email=f"{person}@example.org")
    erase_person(user=alice, actor=Actor.user(world.platform_admin.pk))
    assert EmailAddress.objects.get().user == bob
