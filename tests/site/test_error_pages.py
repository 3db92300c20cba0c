"""Every refusal is a page of ours: one sentence, one way on, nothing told."""

import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.test import Client

from apps.errors import Conflict, Forbidden, Refusal
from tests.pages import browser, browser_of, links, words
from tests.worlds import World

ACCOUNT = "/account/"


@pytest.fixture
def alice(world: World) -> Client:
    client = browser(world, "alice")
    client.raise_request_exception = False
    return client


def raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("apps.accounts.views.page_of", broken)


def is_ours(answer: Any, status: int) -> None:
    assert answer.status_code == status
    page = answer.content.decode()
    assert "css/portal.css" in page
    assert "style=" not in page
    assert str(status) in words(answer)


def test_a_foreign_page_and_a_missing_one_are_the_same(
    alice: Client, rival: World
) -> None:
    task = rival.send()["id"]
    paths = [
        "/no/such/address/",
        f"/collaborations/{rival.collaboration.pk}/",
        f"/collaborations/{10**9}/",
        f"/organizations/{rival.sites[0].pk}/",
        f"/organizations/{10**30}/",
        f"/algorithms/{rival.version.algorithm_id}/",
        f"/algorithms/{10**17}/",
        f"/tasks/{task}/",
        f"/tasks/{10**9}/",
    ]
    answers = [alice.get(path) for path in paths]
    for answer in answers:
        is_ours(answer, 404)
        assert links(answer) == {"/"}
    assert len({words(answer) for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/no/such/address/?a=1", "/tasks/1/", "/account/"])
def test_strangers_do_not_learn_which_addresses_are(db: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Forbidden("Your role does not allow it."), 403, "Your role does not allow it"),
        (Conflict("x", "It has ended already."), 409, "It has ended already."),
        (Refusal("x", "That cannot be read."), 400, "That cannot be read."),
        (PermissionDenied("secret"), 403, "You may not do this."),
    ],
)
def test_what_a_page_refuses_is_said_in_its_own_words(
    alice: Client,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    said: str,
) -> None:
    raising(monkeypatch, error)
    answer = alice.get(ACCOUNT)
    is_ours(answer, status)
    assert said in words(answer)
    assert links(answer) == {"/"}
    assert "secret" not in answer.content.decode()


def test_our_own_fault_shows_a_number_and_the_log_has_the_rest(
    alice: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raising(monkeypatch, RuntimeError("patient 4711"))
    answer = alice.get(ACCOUNT)
    is_ours(answer, 500)
    page = answer.content.decode()
    assert not any(word in page for word in ("4711", "Traceback", "RuntimeError"))
    (incident,) = re.findall(r"Incident (\w+)", caplog.text)
    assert f"<code>{incident}</code>" in page
    assert "patient 4711" in caplog.text


def test_a_part_that_is_away_is_no_broken_server(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, OperationalError("connection to 10.1.2.3 refused"))
    answer = alice.get(ACCOUNT)
    is_ours(answer, 503)
    assert "Try again in a moment" in words(answer)
    assert "10.1.2.3" not in answer.content.decode()


def test_a_form_that_is_out_of_date_sends_one_back_to_it(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["alice"])
    answer = client.post(
        "/account/tokens/1/revoke/",
        headers={"Referer": "http://testserver/account/?before=7"},
    )
    is_ours(answer, 403)
    assert "Nothing was sent: the form is out of date." in words(answer)
    assert links(answer) == {"http://testserver/account/?before=7"}


@pytest.mark.parametrize(
    "referer", ["https://evil.example/account/", "javascript:alert(1)", "//evil", ""]
)
def test_nobody_else_chooses_where_it_sends_one_back_to(
    world: World, referer: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["alice"])
    answer = client.post(ACCOUNT, headers={"Referer": referer})
    is_ours(answer, 403)
    assert links(answer) == {ACCOUNT}


def test_an_address_that_only_takes_forms_says_so(alice: Client) -> None:
    answer = alice.put(ACCOUNT)
    is_ours(answer, 405)
    assert "POST" in answer["Allow"]
    assert "Nothing was changed." in words(answer)


def test_a_form_may_not_hold_more_than_the_server_reads(
    alice: Client, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = alice.post(
        ACCOUNT, f"name={'x' * 2000}", content_type="application/x-www-form-urlencoded"
    )
    is_ours(answer, 413)
    assert "more than a form may hold" in words(answer)


def test_a_request_for_another_host_is_a_page_that_repeats_nothing(db: None) -> None:
    answer = Client().get("/accounts/login/", headers={"Host": "evil.example"})
    is_ours(answer, 400)
    assert b"evil.example" not in answer.content


def test_too_many_sign_ins_from_one_address_have_to_wait(world: World) -> None:
    fields = {"login": "nobody", "password": "wrong"}
    for _ in range(30):
        Client().post("/accounts/login/", fields)
    answer = Client().post("/accounts/login/", fields)
    is_ours(answer, 429)
    assert links(answer) == {"/accounts/login/"}
    assert Client().get("/accounts/login/").status_code == 200


def test_the_administration_is_closed_to_others_with_a_page_of_ours(
    alice: Client, world: World
) -> None:
    is_ours(alice.get("/admin/login/"), 404)
    admin = browser_of(world.platform_admin)
    assert admin.get("/admin/login/")["Location"] == "/admin/"


def test_the_signed_out_see_no_navigation(db: None) -> None:
    page = Client().get("/accounts/login/").content.decode()
    assert 'class="brand"' in page
    assert "<nav" not in page
    assert "New task" not in page


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/logout/", "/account/", "/no/such/"]
)
def test_no_page_carries_a_script_or_style_of_its_own(alice: Client, path: str) -> None:
    answer = alice.get(path, follow=False)
    page = answer.content.decode()
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src") + page.count(
        "<script defer src"
    )
    assert "unsafe" not in answer["Content-Security-Policy"]
