"""People by the API: the platform admin's, and of nobody else."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.stored import acts
from tests.worlds import World

PEOPLE = f"{API}/people/"
EVE = {"username": "eve", "first_name": "Eve"}


def test_a_created_person_signs_in_with_the_password_of_the_answer(
    world: World,
) -> None:
    made = script(world, "root").post(PEOPLE, EVE)
    assert made.status_code == 201
    assert made.json()["person"]["username"] == "eve"
    assert made.json()["person"]["is_platform_admin"] is False
    assert Client().login(username="eve", password=made.json()["password"])
    assert acts("person.created", object_id=made.json()["person"]["id"]) == 1


@pytest.mark.parametrize("person", ["alice", "admin0", "manager"])
def test_nobody_else_learns_of_people_or_makes_them(world: World, person: str) -> None:
    client = script(world, person)
    bob = world.people["bob"]
    assert client.get(PEOPLE).json()["results"] == []
    assert refused(client.get(f"{PEOPLE}{bob.pk}/")) == MISSING
    assert refused(client.post(PEOPLE, EVE)) == DENIED
    for act in ("deactivate", "reactivate", "password"):
        answer = client.post(f"{PEOPLE}{bob.pk}/{act}/")
        assert refused(answer) == MISSING
        nobody = client.post(f"{PEOPLE}{10**9}/{act}/")
        assert nobody.content == answer.content
    bob.refresh_from_db()
    assert bob.is_active
    assert bob.check_password("correct horse")
    assert not User.objects.filter(username="eve").exists()


def test_a_deactivated_person_is_out_everywhere_until_let_in_again(
    world: World,
) -> None:
    root, bob = script(world, "root"), script(world, "bob")
    where = f"{PEOPLE}{world.people['bob'].pk}"
    assert root.post(f"{where}/deactivate/").json()["is_active"] is False
    assert bob.get(f"{API}/me/").status_code == 401
    assert root.post(f"{where}/reactivate/").json()["is_active"] is True
    assert Client().login(
        username=world.people["bob"].username, password="correct horse"
    )


def test_a_new_password_replaces_the_old_one(world: World) -> None:
    bob = world.people["bob"]
    answer = script(world, "root").post(f"{PEOPLE}{bob.pk}/password/")
    assert Client().login(username=bob.username, password=answer.json()["password"])
    assert not Client().login(username=bob.username, password="correct horse")


@pytest.mark.parametrize("act", ["deactivate", "reactivate", "password"])
def test_nobody_does_it_to_themselves(world: World, act: str) -> None:
    root = script(world, "root")
    answer = root.post(f"{PEOPLE}{world.platform_admin.pk}/{act}/")
    assert refused(answer) == DENIED
    world.platform_admin.refresh_from_db()
    assert world.platform_admin.is_active
    assert world.platform_admin.check_password("correct horse")


@pytest.mark.parametrize(
    "changes",
    [
        {"username": ""},
        {"username": "with space"},
        {"username": "x" * 151},
        {"email": "nobody"},
        {"username": "heart-bob"},
        {"is_superuser": True, "username": None},
    ],
)
def test_a_wrong_person_is_not_made(world: World, changes: dict[str, Any]) -> None:
    before = User.objects.count()
    answer = script(world, "root").post(PEOPLE, {**EVE, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert User.objects.count() == before


@pytest.mark.parametrize("field", ["is_superuser", "is_staff", "is_platform_admin"])
def test_nobody_is_made_a_platform_admin_by_a_field_of_the_body(
    world: World, field: str
) -> None:
    answer = script(world, "root").post(PEOPLE, {**EVE, field: True})
    assert refused(answer) == (422, "invalid")
    assert list(answer.json()["errors"]) == [field]
    assert not User.objects.filter(username="eve").exists()
