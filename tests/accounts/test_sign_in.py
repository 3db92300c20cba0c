"""Signing in with a password: slowed, and silent about who exists."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.worlds import World

LOGIN = "/accounts/login/"


def sign_in(username: str, password: str, client: Client | None = None) -> Any:
    client = client or Client()
    return client.post(LOGIN, {"login": username, "password": password})


def without_name(answer: Any, username: str) -> str:
    """The page without what the person typed and the form's random token."""
    page = answer.content.decode().replace(username, "…")
    return re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1", page)


def test_the_right_password_signs_in(world: World) -> None:
    client = Client()
    alice = world.people["alice"].username
    assert sign_in(alice, "correct horse", client).status_code == 302
    assert client.get("/api/v1/me/").json()["username"] == alice


def test_a_session_ends_with_its_time_and_with_its_person(world: World) -> None:
    alice = world.people["alice"]
    late, gone = Client(), Client()
    for client in (late, gone):
        sign_in(alice.username, "correct horse", client)
        assert client.get("/tasks/").status_code == 200
    key = late.session.session_key
    Session.objects.filter(pk=key).update(expire_date=timezone.now())
    assert late.get("/tasks/")["Location"].startswith(LOGIN)
    assert gone.get("/tasks/").status_code == 200
    alice.is_active = False
    alice.save()
    assert gone.get("/tasks/")["Location"].startswith(LOGIN)


def test_a_wrong_password_and_an_unknown_name_look_the_same(world: World) -> None:
    alice = world.people["alice"].username
    wrong, unknown = sign_in(alice, "wrong"), sign_in("nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 200
    assert without_name(wrong, alice) == without_name(unknown, "nobody")


def test_guessing_one_persons_password_is_slowed(world: World) -> None:
    alice = world.people["alice"].username
    for _ in range(5):
        sign_in(alice, "wrong")
    client = Client()
    answer = sign_in(alice, "correct horse", client)
    assert answer.status_code == 200  # the form again, with "too many"
    assert client.get("/api/v1/me/").status_code == 401
    bob = world.people["bob"].username
    assert sign_in(bob, "correct horse").status_code == 302


def test_the_admin_pages_have_no_door_of_their_own(world: World) -> None:
    answer = Client().post(
        "/admin/login/",
        {"username": world.platform_admin.username, "password": "correct horse"},
    )
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/signup"])
def test_nobody_makes_an_account_for_themselves(db: None, path: str) -> None:
    fields = {"username": "mallory", "password1": "correct-h0rse", "password2": "x"}
    answer = Client().post(path, fields, follow=True)
    assert b"mallory" not in answer.content
    assert not Client().login(username="mallory", password="correct-h0rse")


def test_a_session_needs_the_forms_token_to_change_anything(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["alice"])
    assert client.get("/api/v1/me/").status_code == 200
    answer = client.post(
        "/api/v1/tasks/", world.task_body(), content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
