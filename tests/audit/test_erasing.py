"""A person is forgotten; what was done stays, and its chain holds."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import User
from apps.audit.chain import chain_events
from apps.audit.models import Event
from apps.audit.verification import verify
from tests.worlds import World

pytestmark = pytest.mark.backends


def erase(username: str) -> str:
    out = io.StringIO()
    call_command("erase_person", username, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("chained", [True, False])
def test_nothing_says_any_more_who_it_was(world: World, chained: bool) -> None:
    alice = world.people["alice"]
    User.objects.filter(pk=alice.pk).update(
        first_name="Alice", last_name="Liddell", email="alice@example.org"
    )
    world.send()
    world.person("bob").post("/api/v1/tasks/", world.task_body())
    fields = {"login": alice.username, "password": "wrong"}
    Client().post("/accounts/login/", fields, REMOTE_ADDR="192.0.2.7")
    if chained:
        chain_events()
    before = Event.objects.filter(actor_kind="user", actor_id=alice.pk).count()
    assert erase(alice.username) == f"{alice.username} is now erased-{alice.pk}\n"
    person = User.objects.get(pk=alice.pk)
    assert (person.first_name, person.last_name, person.email) == ("", "", "")
    assert not person.is_active
    assert not person.has_usable_password()
    assert not person.access_tokens.exists()
    theirs = Event.objects.filter(actor_kind="user", actor_id=alice.pk)
    assert theirs.count() == before > 0
    assert set(theirs.values_list("address", "salt")) == {("", "")}
    assert not Event.objects.filter(address="192.0.2.7").exists()
    assert Event.objects.filter(action="person.erased", object_id=alice.pk).exists()
    chain_events()
    assert verify().wrong == ""


def test_others_keep_their_addresses(world: World) -> None:
    world.send()
    world.person("dave").post("/api/v1/tasks/", world.task_body())
    dave = Event.objects.filter(actor_kind="user", actor_id=world.people["dave"].pk)
    kept = list(dave.exclude(address="").values_list("pk", "address", "salt"))
    assert kept
    erase(world.people["alice"].username)
    assert list(dave.exclude(address="").values_list("pk", "address", "salt")) == kept


def test_the_sessions_and_tokens_end(world: World) -> None:
    alice, script, browser = world.people["alice"], world.person("alice"), Client()
    browser.force_login(alice)
    erase(alice.username)
    assert script.get("/api/v1/me/").status_code == 401
    assert browser.get("/api/v1/me/").status_code == 401


def test_nobody_is_erased_by_a_typing_mistake(world: World) -> None:
    with pytest.raises(CommandError, match="There is no user alise"):
        erase("alise")
