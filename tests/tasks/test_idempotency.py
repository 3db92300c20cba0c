"""`Idempotency-Key`: a repeat has no second effect, and a key belongs to one body."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.errors import Missing
from apps.organizations.models import Membership
from apps.organizations.services import end_membership
from apps.tasks.authoring import TaskRequest
from apps.tasks.idempotency import KeyedRequest, sweep_idempotency_keys
from apps.tasks.models import IdempotencyKey, Task
from apps.tasks.services import create_task
from tests.stored import nothing_stored
from tests.worlds import World

pytestmark = pytest.mark.backends


def send(world: World, key: str, person: str = "alice", **changes: Any) -> Any:
    headers = {"Idempotency-Key": key}
    body = world.task_body(**changes)
    return world.person(person).post("/api/v1/tasks/", body, headers=headers)


def test_a_repeat_gives_the_same_task(world: World) -> None:
    first = send(world, "k")
    with nothing_stored():
        second = send(world, "k")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert IdempotencyKey.objects.get().object_id == first.json()["id"]


def test_the_repeat_shows_the_task_as_it_is_now(world: World) -> None:
    send(world, "k")
    world.nodes[0].claimed()
    assert send(world, "k").json()["runs_by_status"] == {"claimed": 1, "queued": 2}


def test_the_order_of_members_and_spaces_do_not_matter(world: World) -> None:
    first = send(world, "k")
    body = dict(reversed(world.task_body().items()))
    headers = {"Idempotency-Key": "k"}
    again = world.person("alice").post("/api/v1/tasks/", body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_a_repeat_is_answered_though_such_a_task_could_not_be_sent_any_more(
    world: World,
) -> None:
    first = send(world, "k")
    world.collaboration.allowed_versions.clear()
    with nothing_stored():
        again = send(world, "k")
        assert send(world, "another").status_code == 422
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_another_body_is_refused(world: World) -> None:
    send(world, "k")
    with nothing_stored():
        answer = send(world, "k", name="another")
    assert (answer.status_code, answer.json()["code"]) == (
        422,
        "idempotency_key_reused",
    )


def test_a_refused_request_leaves_its_key_free(world: World) -> None:
    world.person("alice")
    with nothing_stored():
        assert send(world, "k", function="none").status_code == 422
    assert send(world, "k").status_code == 201


def test_a_key_belongs_to_one_user(world: World, rival: World) -> None:
    mine = send(world, "k")
    colleagues = send(world, "k", "admin0")
    strangers = send(rival, "k")
    assert [a.status_code for a in (mine, colleagues, strangers)] == [201] * 3
    assert Task.objects.count() == 3


def test_nobody_is_answered_by_a_key_of_somebody_else(world: World) -> None:
    send(world, "k")
    world.collaboration.allowed_versions.clear()
    assert send(world, "k").status_code == 200
    assert send(world, "k", "admin0").status_code == 422


def test_without_a_key_every_request_counts(world: World) -> None:
    assert world.send()["id"] != world.send()["id"]
    assert send(world, "").status_code == 201
    assert not IdempotencyKey.objects.exists()


def test_after_a_day_the_key_is_forgotten(world: World) -> None:
    first = send(world, "k").json()
    young = timezone.now() - timedelta(hours=23, minutes=59)
    IdempotencyKey.objects.update(created_at=young)
    assert send(world, "k").json()["id"] == first["id"]
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    again = send(world, "k")
    assert (again.status_code, again.json()["id"] != first["id"]) == (201, True)
    assert IdempotencyKey.objects.get().object_id == again.json()["id"]


def test_old_keys_are_swept(world: World) -> None:
    send(world, "old")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    send(world, "new")
    assert sweep_idempotency_keys() == 1
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_a_repeat_is_checked_for_visibility_again(world: World) -> None:
    send(world, "k")
    missing = world.person("alice").get(f"/api/v1/tasks/{10**9}/").content
    membership = Membership.objects.get(user=world.people["alice"])
    end_membership(membership=membership, actor=SYSTEM)
    with nothing_stored():
        answer = send(world, "k")
    assert (answer.status_code, answer.content) == (404, missing)
    # Whatever shows the task asks too: the service does not count on that.
    request = TaskRequest(world.collaboration.pk, [], image="", function="", name="")
    keyed = KeyedRequest.read("k", "/api/v1/tasks/", world.task_body())
    with pytest.raises(Missing):
        create_task(initiator=world.people["alice"], request=request, keyed=keyed)


@pytest.mark.parametrize("key", ["x" * 201, "tab\there", "bell\x07", "é\x85"])
def test_a_strange_key_is_refused(world: World, key: str) -> None:
    world.person("alice")
    with nothing_stored():
        answer = send(world, key)
    assert (answer.status_code, answer.json()["code"]) == (
        400,
        "idempotency_key_invalid",
    )


def test_the_longest_key_is_kept_whole(world: World) -> None:
    key = "k" * 200
    assert send(world, key).status_code == 201
    assert send(world, key).status_code == 200
    assert send(world, key[:-1] + "l").status_code == 201
