"""Access tokens: what they open, for how long, and how guessing is slowed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken
from apps.accounts.services import create_token, revoke_token
from apps.accounts.sweeps import delete_expired_tokens
from apps.audit.actors import SYSTEM
from tests.stored import acts, nothing_stored
from tests.worlds import World

ME = "/api/v1/me/"


def knock(header: str | None, address: str = "10.0.0.1") -> Any:
    headers = {"Authorization": header} if header is not None else {}
    return APIClient(REMOTE_ADDR=address).get(ME, headers=headers)


@pytest.fixture
def text(world: World) -> str:
    _, text = create_token(
        user=world.people["alice"],
        name="laptop",
        scope=TokenScope.TASKS,
        lifetime=timedelta(days=1),
        actor=SYSTEM,
    )
    return text


def test_a_token_says_who_speaks_and_in_which_roles(world: World, text: str) -> None:
    alice, site = world.people["alice"], world.sites[0]
    answer = knock(f"Bearer {text}")
    assert answer.json() == {
        "id": alice.pk,
        "username": alice.username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "memberships": [
            {"organization": site.pk, "name": site.name, "role": "researcher"}
        ],
    }


def test_its_text_is_not_stored(text: str) -> None:
    row = AccessToken.objects.get(name="laptop")
    stored = (row.digest, row.token_key, row.name)
    assert all(text[20:] not in value for value in stored)
    assert len(row.digest) >= 64
    assert acts("token.created", object_id=row.pk) == 1


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer ptm_" + "x" * 64,
        "Bearer ptm_" + "x" * 10_000,
        "Bearer a b",
        "Bearer \xff\xfe",
        "bearer ptm_x",
        "Token ptm_x",
        "Basic YWxpY2U6cHc=",
        "Node ptmn_000000000000_" + "x" * 43,
    ],
)
def test_anything_else_is_not_authenticated(world: World, header: str | None) -> None:
    answer = knock(header)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_unknown_expired_and_revoked_tokens_get_one_answer(
    world: World, text: str
) -> None:
    unknown = knock("Bearer ptm_" + "x" * 64)
    AccessToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    expired = knock(f"Bearer {text}")
    revoke_token(token=AccessToken.objects.get(name="laptop"), actor=SYSTEM)
    revoked = knock(f"Bearer {text}")
    assert unknown.status_code == 401
    assert unknown.content == expired.content == revoked.content
    assert acts("token.revoked") == 1


def test_a_person_who_was_shut_out_has_no_tokens_any_more(
    world: World, text: str
) -> None:
    alice = world.people["alice"]
    alice.is_active = False
    alice.save()
    assert knock(f"Bearer {text}").status_code == 401


def test_expired_tokens_are_swept_and_others_stay(world: World, text: str) -> None:
    world.client("bob")
    AccessToken.objects.filter(name="laptop").update(
        expiry=timezone.now() - timedelta(seconds=1)
    )
    left = AccessToken.objects.count() - 1
    assert delete_expired_tokens() == 1
    assert AccessToken.objects.count() == left
    assert knock(f"Bearer {text}").status_code == 401


def test_a_scope_is_the_most_that_a_token_may_do(world: World) -> None:
    task = world.send()
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    reads = [
        "me/",
        "tasks/",
        f"tasks/{task['id']}/",
        f"runs/{run['run']}/log/",
        "results/",
    ]
    writes = ["tasks/", f"tasks/{task['id']}/cancel/", f"runs/{run['run']}/again/"]
    reader = world.client("alice", TokenScope.READ)
    assert {reader.get(f"/api/v1/{path}").status_code for path in reads} == {200}
    with nothing_stored():
        for path in writes:
            answer = reader.post(f"/api/v1/{path}", world.task_body())
            assert (answer.status_code, answer.json()["code"]) == (
                403,
                "permission_denied",
            )
    for scope in (TokenScope.TASKS, TokenScope.ADMIN):
        writer = world.client("alice", scope)
        assert writer.post("/api/v1/tasks/", world.task_body()).status_code == 201


def test_guessing_is_slowed_for_its_address_only(text: str) -> None:
    for _ in range(10):
        assert knock("Bearer ptm_wrong").status_code == 401
    slowed = knock(f"Bearer {text}")
    assert (slowed.status_code, slowed.json()["code"]) == (429, "throttled")
    assert 1 <= int(slowed["Retry-After"]) <= 60
    assert knock(f"Bearer {text}", address="10.0.0.2").status_code == 200


def test_right_tokens_are_never_slowed(text: str) -> None:
    assert {knock(f"Bearer {text}").status_code for _ in range(30)} == {200}


def test_a_token_does_not_open_the_admin_pages(world: World, text: str) -> None:
    answer = APIClient().get("/admin/", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]
