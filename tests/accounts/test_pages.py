"""The account page: who I am, and the tokens that act in my name."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.accounts.services import create_token
from apps.audit.actors import SYSTEM
from tests.pages import browser, links, words
from tests.stored import acts, nothing_stored
from tests.worlds import World

PAGE = "/account/"
LOGIN = "/accounts/login/"
FIELDS = {"name": "laptop", "scope": "tasks", "lifetime": "30"}
TOKEN = re.compile(r"ptm_[A-Za-z0-9]{40,}")


def token_of(user: User, name: str = "laptop", days: int = 1) -> AccessToken:
    return create_token(
        user=user,
        name=name,
        scope=TokenScope.READ,
        lifetime=timedelta(days=days),
        actor=SYSTEM,
    )[0]


def made_text(answer: Any) -> str:
    found: set[str] = set(TOKEN.findall(answer.content.decode()))
    (text,) = found
    return text


def test_the_page_says_who_i_am_and_in_which_roles(world: World, rival: World) -> None:
    answer = browser(world, "alice").get(PAGE)
    assert f"User name {world.people['alice'].username}" in words(answer)
    assert f"{world.sites[0].name} Researcher" in words(answer)
    assert f"/organizations/{world.sites[0].pk}/" in links(answer)
    assert rival.sites[0].name not in words(answer)


def test_a_person_without_organization_is_told_who_can_change_that(
    world: World,
) -> None:
    world.people["alice"].memberships.all().delete()
    assert "member of no organization yet" in words(browser(world, "alice").get(PAGE))


def test_a_token_made_here_opens_the_api_for_as_long_as_was_asked(
    world: World,
) -> None:
    answer = browser(world, "alice").post(PAGE, FIELDS)
    text = made_text(answer)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert api.get("/api/v1/me/").json()["username"] == world.people["alice"].username
    row = AccessToken.objects.get(user=world.people["alice"])
    assert (row.name, row.scope) == ("laptop", "tasks")
    left = row.expiry - timezone.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert acts("token.created", object_id=row.pk, actor_id=row.user_id) == 1


def test_a_tokens_text_is_in_one_answer_and_nowhere_else(world: World) -> None:
    client = browser(world, "alice")
    answer = client.post(PAGE, FIELDS)
    text = made_text(answer)
    assert "no-store" in answer["Cache-Control"]
    assert f'data-copy="{text}"' in answer.content.decode()
    assert f'curl -H "Authorization: Bearer {text}"' in words(answer)
    assert text not in client.get(PAGE).content.decode()
    assert text not in str(client.cookies)
    assert not [s for s in Session.objects.all() if text in str(s.get_decoded())]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
        ({"scope": "everything"}, "Select a valid choice."),
        ({"lifetime": "36500"}, "Select a valid choice."),
        ({"lifetime": ""}, "This field is required."),
    ],
)
def test_a_wrong_field_is_told_at_its_place_and_the_rest_is_kept(
    world: World, changed: dict[str, str], said: str
) -> None:
    with nothing_stored():
        answer = browser(world, "alice").post(PAGE, {**FIELDS, **changed})
    assert said in words(answer)
    assert answer.context["form"].errors.keys() == changed.keys()
    assert not AccessToken.objects.filter(user=world.people["alice"]).exists()
    if "name" not in changed:
        assert 'value="laptop"' in answer.content.decode()


def test_two_tokens_of_one_person_do_not_share_a_name(
    world: World, rival: World
) -> None:
    token_of(rival.people["alice"])
    client = browser(world, "alice")
    assert made_text(client.post(PAGE, FIELDS))
    with nothing_stored():
        again = client.post(PAGE, FIELDS)
    assert "You have a token of this name." in words(again)
    assert not TOKEN.search(again.content.decode())
    assert AccessToken.objects.filter(user=world.people["alice"]).count() == 1


def test_only_ones_own_tokens_are_listed(world: World) -> None:
    token_of(world.people["alice"], "mine")
    token_of(world.people["bob"], "of somebody else")
    answer = browser(world, "alice").get(PAGE)
    assert re.search("mine Made .{,30} Read", words(answer))
    assert "of somebody else" not in words(answer)


def test_an_expired_token_says_so(world: World) -> None:
    token = token_of(world.people["alice"])
    AccessToken.objects.filter(pk=token.pk).update(expiry=timezone.now())
    assert "Expired" in words(browser(world, "alice").get(PAGE))


def test_a_hostile_name_is_shown_as_text(world: World) -> None:
    name = "<script>alert(1)</script>\u202egnp"
    answer = browser(world, "alice").post(PAGE, {**FIELDS, "name": name})
    page = answer.content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert f'class="anything">{"&lt;script"}' in page


def test_revoking_names_the_token_and_what_follows_first(world: World) -> None:
    token = token_of(world.people["alice"])
    client = browser(world, "alice")
    with nothing_stored():
        answer = client.get(f"{PAGE}tokens/{token.pk}/revoke/")
    assert "laptop" in words(answer)
    assert "refused from now on" in words(answer)
    assert AccessToken.objects.filter(pk=token.pk).exists()
    answer = client.post(f"{PAGE}tokens/{token.pk}/revoke/", follow=True)
    assert "The token “laptop” is revoked." in words(answer)
    assert not AccessToken.objects.filter(pk=token.pk).exists()
    assert acts("token.revoked", object_id=token.pk) == 1


def test_another_persons_token_seems_not_to_exist(world: World) -> None:
    foreign = token_of(world.people["bob"])
    client = browser(world, "alice")
    for act in (client.get, client.post):
        with nothing_stored():
            answers = [
                act(f"{PAGE}tokens/{pk}/revoke/")
                for pk in (foreign.pk, 10**9, 10**17, 10**30)
            ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({words(answer) for answer in answers}) == 1
    assert AccessToken.objects.filter(pk=foreign.pk).exists()


def test_many_tokens_cost_no_more_queries(world: World) -> None:
    client = browser(world, "alice")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    token_of(world.people["alice"], "first")
    few = cost()
    for number in range(30):
        token_of(world.people["alice"], f"token {number}")
    assert cost() == few <= 6
    older = client.get(f"{PAGE}?{client.get(PAGE).context['page'].next}")
    assert re.search("first Made .{,30} Read", words(older))


def test_a_stranger_is_asked_to_sign_in_first(world: World) -> None:
    for path in (PAGE, f"{PAGE}tokens/1/revoke/"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"{LOGIN}?next={path}")
