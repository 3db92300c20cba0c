"""Signing in and out, and a new password: allauth's work in pages of ours."""

import pytest
from allauth.account.views import signup
from django.conf import LazySettings
from django.test import Client
from django.urls import path as route

from apps.accounts.models import User
from ptm_site.urls import urlpatterns
from tests.pages import browser, links, words
from tests.worlds import World

PAGE = "/account/"
LOGIN = "/accounts/login/"
CHANGE = "/accounts/password/change/"


def new_password(old: str, new: str, again: str | None = None) -> dict[str, str]:
    return {"oldpassword": old, "password1": new, "password2": again or new}


def test_a_new_password_signs_the_other_browsers_out(world: World) -> None:
    alice = world.people["alice"]
    here, elsewhere = browser(world, "alice"), browser(world, "alice")
    answer = here.post(
        CHANGE, new_password("correct horse", "battery staple"), follow=True
    )
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "Every other browser is signed out." in words(answer)
    assert elsewhere.get(PAGE).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("battery staple")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (new_password("wrong", "battery staple"), "oldpassword"),
        (new_password("correct horse", "12345678"), "password1"),
        (new_password("correct horse", "battery staple", "other"), "password2"),
    ],
)
def test_a_password_that_will_not_do_is_told_at_its_field(
    world: World, fields: dict[str, str], field: str
) -> None:
    answer = browser(world, "alice").post(CHANGE, fields)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert "field-wrong" in answer.content.decode()
    world.people["alice"].refresh_from_db()
    assert world.people["alice"].check_password("correct horse")


def test_guessing_the_present_password_is_slowed(world: World) -> None:
    client = browser(world, "alice")
    for _ in range(5):
        wrong = client.post(CHANGE, new_password("guess", "battery staple"))
        assert wrong.status_code == 200
    answer = client.post(CHANGE, new_password("correct horse", "battery staple"))
    assert answer.status_code == 429
    assert "Too many attempts: wait a minute." in words(answer)
    world.people["alice"].refresh_from_db()
    assert world.people["alice"].check_password("correct horse")
    assert client.get(CHANGE).status_code == 200


def test_the_door_offers_no_way_that_is_closed(db: None) -> None:
    answer = Client().get(LOGIN)
    assert links(answer) == set()
    assert "sign up" not in words(answer).lower()
    assert "Accounts are made by the administrators" in words(answer)


def test_a_mistake_at_the_door_keeps_the_name_and_not_the_password(
    world: World,
) -> None:
    fields = {"login": "somebody", "password": "a secret", "next": "/tasks/"}
    page = Client().post(LOGIN, fields).content.decode()
    assert 'value="somebody"' in page
    assert 'name="next" value="/tasks/"' in page
    assert "a secret" not in page
    assert 'role="alert"' in page
    assert "The user name or the password is wrong." in page


def test_who_signs_in_comes_to_the_page_they_wanted_and_to_no_other_host(
    world: World,
) -> None:
    person = {"login": world.people["alice"].username, "password": "correct horse"}
    for wanted, reached in ((PAGE, PAGE), ("https://evil.example/", "/")):
        answer = Client().post(LOGIN, {**person, "next": wanted})
        assert (answer.status_code, answer["Location"]) == (302, reached)


def test_signing_out_asks_once_and_says_that_it_is_done(world: World) -> None:
    client = browser(world, "alice")
    assert "Sign out?" in words(client.get("/accounts/logout/"))
    assert client.get(PAGE).status_code == 200
    answer = client.post("/accounts/logout/", follow=True)
    assert answer.redirect_chain == [(LOGIN, 302)]
    assert "You have signed out." in words(answer)
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "email/",
        "confirm-email/",
        "confirm-email/abc/",
        "password/reset/",
        "password/reset/done/",
        "password/reset/key/1-abc/",
        "password/set/",
        "inactive/",
        "reauthenticate/",
        "login/code/confirm/",
        "",
    ],
)
def test_what_allauth_could_do_besides_is_not_there(world: World, path: str) -> None:
    client = browser(world, "alice")
    answer = client.get(f"/accounts/{path}")
    assert answer.status_code == 404
    assert words(answer) == words(client.get("/no/such/address/"))


def test_nobody_signs_up_even_if_the_page_had_an_address(
    db: None, settings: LazySettings
) -> None:
    settings.ROOT_URLCONF = (*urlpatterns, route("join/", signup))
    fields = {"username": "zoe", "password1": "battery staple"}
    answer = Client().post("/join/", {**fields, "password2": "battery staple"})
    assert answer.status_code == 200
    assert not User.objects.filter(username="zoe").exists()
