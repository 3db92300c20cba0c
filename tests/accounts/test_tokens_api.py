"""Tokens by the API: one's own only, with `admin`, and never more than the asker's."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken
from apps.accounts.services import NOTED_EVERY
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.stored import acts
from tests.worlds import World

TOKENS = f"{API}/tokens/"
LAPTOP = {"name": "laptop", "scope": "read", "days": 1}


def test_a_new_token_is_shown_once_and_opens_what_its_scope_says(world: World) -> None:
    alice = script(world, "alice")
    made = alice.post(TOKENS, {**LAPTOP, "scope": "tasks"})
    assert made.status_code == 201
    assert made.json()["scope"] == "tasks"
    laptop = APIClient(headers={"Authorization": f"Bearer {made.json()['token']}"})
    assert laptop.get(f"{API}/me/").json()["id"] == world.people["alice"].pk
    assert laptop.post(f"{API}/tasks/", world.task_body()).status_code == 201
    assert refused(laptop.post(TOKENS, LAPTOP)) == DENIED
    shown = alice.get(f"{TOKENS}{made.json()['id']}/").json()
    assert "token" not in shown
    assert made.json()["token"] not in str(alice.get(TOKENS).json())


@pytest.mark.parametrize("scope", [TokenScope.READ, TokenScope.TASKS])
def test_without_the_scope_no_token_is_made_or_revoked(
    world: World, scope: TokenScope
) -> None:
    client = world.client("alice", scope)
    own = AccessToken.objects.get(user=world.people["alice"])
    assert refused(client.post(TOKENS, LAPTOP)) == DENIED
    assert refused(client.delete(f"{TOKENS}{own.pk}/")) == DENIED
    assert AccessToken.objects.filter(user=world.people["alice"]).count() == 1
    assert [token["id"] for token in client.get(TOKENS).json()["results"]] == [own.pk]


def test_what_a_token_makes_ends_with_it_at_the_latest(world: World) -> None:
    alice = script(world, "alice")  # its token ends in a day
    own = AccessToken.objects.get(user=world.people["alice"])
    made = alice.post(TOKENS, {**LAPTOP, "scope": "admin", "days": 365}).json()
    ends = datetime.fromisoformat(made["expires_at"])
    assert own.expiry is not None
    assert abs(ends - own.expiry) < timedelta(seconds=5)


def test_a_session_makes_a_token_for_as_long_as_it_says(world: World) -> None:
    browser = APIClient()
    browser.force_login(world.people["alice"])
    made = browser.post(TOKENS, {**LAPTOP, "days": 365}).json()
    left = datetime.fromisoformat(made["expires_at"]) - timezone.now()
    assert timedelta(days=364) < left <= timedelta(days=365)


def test_tokens_of_others_are_as_those_that_are_not_there(world: World) -> None:
    script(world, "bob")
    bobs = AccessToken.objects.get(user=world.people["bob"])
    for client in (script(world, "alice"), script(world, "root")):
        for pk in (bobs.pk, 10**9):
            assert refused(client.get(f"{TOKENS}{pk}/")) == MISSING
            assert refused(client.delete(f"{TOKENS}{pk}/")) == MISSING
    assert AccessToken.objects.filter(pk=bobs.pk).exists()


def test_a_revoked_token_opens_nothing(world: World) -> None:
    alice = script(world, "alice")
    own = AccessToken.objects.get(user=world.people["alice"])
    assert alice.delete(f"{TOKENS}{own.pk}/").status_code == 204
    assert alice.get(f"{API}/me/").status_code == 401
    assert acts("token.revoked", object_id=own.pk) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"scope": "root"}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"scope": None}, "scope"),
    ],
)
def test_a_wrong_field_is_named(
    world: World, changes: dict[str, object], field: str
) -> None:
    answer = script(world, "alice").post(TOKENS, {**LAPTOP, **changes})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_a_name_is_given_once(world: World) -> None:
    alice = script(world, "alice")
    assert alice.post(TOKENS, LAPTOP).status_code == 201
    assert refused(alice.post(TOKENS, LAPTOP)) == (422, "token_name_taken")


def test_its_use_is_noted_within_the_hour_and_not_by_every_request(
    world: World,
) -> None:
    client = world.client("alice", TokenScope.READ)
    own = AccessToken.objects.get(user=world.people["alice"])
    assert own.last_used_at is None

    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{API}/me/").status_code == 200
        return sum("UPDATE" in query["sql"] for query in captured)

    assert [writes() for _ in range(3)] == [1, 0, 0]
    shown = client.get(TOKENS).json()["results"][0]["last_used_at"]
    assert timezone.now() - datetime.fromisoformat(shown) < timedelta(minutes=1)
    AccessToken.objects.update(last_used_at=timezone.now() - NOTED_EVERY)
    assert [writes() for _ in range(2)] == [1, 0]


def test_the_check_of_a_token_is_one_query(world: World) -> None:
    client = world.client("alice", TokenScope.READ)
    client.get(f"{API}/me/")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"{API}/tasks/?page_size=x").status_code in (200, 422)
    assert sum("accounts_accesstoken" in query["sql"] for query in captured) == 1


def test_the_account_page_says_when_a_token_was_used(world: World) -> None:
    client = world.client("alice", TokenScope.READ)
    browser = APIClient()
    browser.force_login(world.people["alice"])
    page = browser.get("/account/").content.decode()
    assert 'data-label="Last used"><span class="soft">Never' in page
    client.get(f"{API}/me/")
    page = browser.get("/account/").content.decode()
    assert 'data-label="Last used"><time' in page
