"""What leaves an event: every act that matters, whom it concerns, before and after."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import AccessToken, User
from apps.accounts.people import set_active
from apps.accounts.sweeps import delete_expired_tokens
from apps.audit.actors import SYSTEM
from apps.audit.chain import chain_events
from apps.audit.models import Event
from apps.audit.verification import verify
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation, set_may_create_tasks
from apps.collaborations.services import set_collaboration_admins, update_collaboration
from apps.nodes.services import revoke_node
from apps.organizations.choices import Role
from apps.organizations.services import end_membership, grant_membership
from apps.results.models import Result
from tests.stored import nothing_stored
from tests.worlds import World

LOGIN = "/accounts/login/"
PASSWORD = "correct horse"


def last(action: str) -> Event:
    event = Event.objects.filter(action=action).last()
    assert event is not None, action
    return event


def change(event: Event) -> tuple[Any, Any]:
    return event.details["before"], event.details["after"]


def concerned(event: Event) -> tuple[int | None, int | None]:
    return event.organization_id, event.collaboration_id


def sign_in(user: User, password: str = PASSWORD) -> Client:
    client = Client()
    client.post(LOGIN, {"login": user.username, "password": password})
    return client


def test_coming_and_going(world: World) -> None:
    alice = world.people["alice"]
    client = sign_in(alice)
    client.post("/accounts/logout/")
    for action in ("sign_in.succeeded", "sign_in.ended"):
        event = last(action)
        assert (event.actor_kind, event.actor_id) == ("user", alice.pk)
        assert (event.object_type, event.object_id) == ("user", alice.pk)
        assert event.address == "127.0.0.1"
    assert Event.objects.filter(action__startswith="sign_in").count() == 2


def test_a_failed_sign_in_names_whom_it_tried_but_no_words(world: World) -> None:
    alice = world.people["alice"]
    sign_in(alice, "hunter2")
    event = last("sign_in.failed")
    assert (event.actor_kind, event.actor_id) == ("system", None)
    assert event.object_id == alice.pk
    Client().post(LOGIN, {"login": "my-pass-word", "password": "hunter2"})
    event = last("sign_in.failed")
    assert event.object_id is None
    stored = str(list(Event.objects.values()))
    assert "my-pass-word" not in stored
    assert "hunter2" not in stored


def test_what_throttling_refuses_fills_no_table(world: World) -> None:
    alice = world.people["alice"]
    for _ in range(9):
        sign_in(alice, "wrong")
    assert Event.objects.filter(action="sign_in.failed").count() == 5


def test_a_new_password(world: World) -> None:
    alice = world.people["alice"]
    fields = {"oldpassword": PASSWORD, "password1": "staple-gun-9"}
    client = sign_in(alice)
    path = "/accounts/password/change/"
    client.post(path, {**fields, "password2": "other"})
    assert not Event.objects.filter(action="person.password_changed").exists()
    client.post(path, {**fields, "password2": "staple-gun-9"})
    event = last("person.password_changed")
    assert (event.actor_id, event.object_id) == (alice.pk, alice.pk)
    alice.refresh_from_db()
    assert alice.check_password("staple-gun-9")


def test_tokens_that_end_by_themselves(world: World) -> None:
    world.person("alice")
    AccessToken.objects.update(expiry=timezone.now() - timedelta(days=1))
    token = AccessToken.objects.get()
    assert delete_expired_tokens() == 1
    event = last("token.expired")
    assert (event.object_id, event.actor_kind) == (token.id, "system")
    assert event.details == {"user": token.user_id}


def test_roles_before_and_after(world: World) -> None:
    bob, site = world.people["bob"], world.sites[0]
    grant_membership(user=bob, organization=site, role=Role.RESEARCHER, actor=SYSTEM)
    event = last("membership.granted")
    assert change(event) == ({"role": "viewer"}, {"role": "researcher"})
    assert concerned(event) == (site.pk, None)
    end_membership(membership=bob.memberships.get(), actor=SYSTEM)
    event = last("membership.ended")
    assert change(event) == ({"role": "researcher"}, {"role": None})
    grant_membership(user=bob, organization=site, role=Role.VIEWER, actor=SYSTEM)
    assert change(last("membership.granted")) == ({"role": None}, {"role": "viewer"})


def test_people_are_let_in_and_kept_out(world: World) -> None:
    set_active(user=world.people["bob"], active=False, actor=SYSTEM)
    event = last("person.deactivated")
    assert change(event) == ({"is_active": True}, {"is_active": False})


def test_a_policy_before_and_after(world: World) -> None:
    update_collaboration(
        collaboration=world.collaboration,
        purpose=world.collaboration.purpose,
        visibility=Visibility.COLLABORATION,
        deadline_days=30,
        expires_at=None,
        open_tasks_per_user=5,
        actor=SYSTEM,
    )
    event = last("collaboration.changed")
    assert change(event) == (
        {"visibility": "organization", "open_tasks_per_user": None},
        {"visibility": "collaboration", "open_tasks_per_user": 5},
    )
    assert concerned(event) == (None, world.collaboration.pk)


def test_who_manages_before_and_after(world: World) -> None:
    alice = world.people["alice"]
    set_collaboration_admins(
        collaboration=world.collaboration, admins=[alice], actor=SYSTEM
    )
    event = last("collaboration.admins_set")
    assert change(event) == ({"users": []}, {"users": [alice.pk]})


def test_consent_before_and_after(world: World) -> None:
    participation = world.collaboration.participations.get(organization=world.sites[0])
    invited, accepted = (
        Event.objects.filter(organization_id=world.sites[0].pk, action=action).get()
        for action in ("participation.invited", "participation.accepted")
    )
    assert change(invited) == ({"status": None}, {"status": "invited"})
    assert change(accepted) == ({"status": "invited"}, {"status": "accepted"})
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )
    event = last("participation.ended")
    assert change(event) == ({"status": "accepted"}, {"status": "ended"})
    assert concerned(event) == (world.sites[0].pk, world.collaboration.pk)


def test_what_an_organization_may_do_in_a_collaboration_before_and_after(
    world: World,
) -> None:
    participation = world.collaboration.participations.get(organization=world.sites[0])
    for allowed in (False, True):
        set_may_create_tasks(participation=participation, allowed=allowed, actor=SYSTEM)
    stopped, resumed = Event.objects.order_by("pk")[Event.objects.count() - 2 :]
    assert change(stopped) == ({"may_create_tasks": True}, {"may_create_tasks": False})
    assert change(resumed) == ({"may_create_tasks": False}, {"may_create_tasks": True})
    for event in (stopped, resumed):
        assert (event.object_type, event.object_id) == (
            "participation",
            participation.pk,
        )
        assert concerned(event) == (world.sites[0].pk, world.collaboration.pk)


def test_nodes_from_code_to_revocation(world: World) -> None:
    node = world.nodes[0].node
    revoke_node(node=node, actor=SYSTEM)
    for action in ("enrolment_code.issued", "node.enrolled", "node.revoked"):
        found = Event.objects.filter(action=action, organization_id=world.sites[0].pk)
        assert found.count() == 1, action


def test_every_site_that_is_asked_has_its_own_event(world: World) -> None:
    task = world.send()
    created = last("task.created")
    assert created.object_id == task["id"]
    assert concerned(created) == (world.sites[0].pk, world.collaboration.pk)
    queued = Event.objects.filter(action="run.queued", details__task=task["id"])
    assert {event.organization_id for event in queued} == {s.pk for s in world.sites}
    assert {event.request_id for event in queued} == {created.request_id}


def test_a_claim_writes_its_events_at_once(world: World) -> None:
    node = world.nodes[0]
    tasks = [world.send()["id"] for _ in range(3)]
    with CaptureQueriesContext(connection) as captured:
        runs = node.claimed(capacity=3)
    inserts = [q for q in captured if 'INSERT INTO "audit_event"' in q["sql"]]
    assert len(inserts) == 1
    claimed = Event.objects.filter(action="run.claimed").order_by("object_id")
    assert [event.object_id for event in claimed] == sorted(r["run"] for r in runs)
    assert [event.details["task"] for event in claimed] == tasks
    for event in claimed:
        assert (event.actor_kind, event.actor_id) == ("node", node.node.pk)
        assert concerned(event) == (world.sites[0].pk, world.collaboration.pk)
        assert change(event) == ({"status": "queued"}, {"status": "claimed"})
        assert event.details["attempt"] == 1


def test_nothing_to_claim_leaves_nothing(world: World) -> None:
    with nothing_stored():
        assert world.nodes[0].claimed() == []


def test_the_end_of_a_run_its_result_and_another_try(world: World) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (run,) = node.claimed()
    node.complete(run)
    finished = last("run.finished")
    assert finished.object_id == run["run"]
    assert finished.details["after"] == {"status": "completed"}
    assert concerned(finished) == (world.sites[0].pk, world.collaboration.pk)
    assert concerned(last("result.stored")) == concerned(finished)
    world.person("alice").post(f"/api/v1/runs/{run['run']}/again/")
    again = last("run.again")
    assert (again.object_id, again.details["supersedes"]) == (task["id"], run["run"])


def test_cancelling_tells_each_site(world: World) -> None:
    task = world.send()
    world.nodes[0].claimed()
    world.person("alice").post(f"/api/v1/tasks/{task['id']}/cancel/")
    assert last("task.cancelled").object_id == task["id"]
    asked = last("run.cancel_requested")
    assert concerned(asked) == (world.sites[0].pk, world.collaboration.pk)
    ended = Event.objects.filter(action="run.finished")
    assert {event.organization_id for event in ended} == {
        site.pk for site in world.sites[1:]
    }
    assert all(e.details["after"] == {"status": "cancelled"} for e in ended)


@pytest.fixture
def result(world: World) -> Result:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    found: Result = Result.objects.get(run=run["run"])
    return found


def taken(result: Result) -> list[tuple[Any, Any]]:
    found = Event.objects.filter(action="result.downloaded", object_id=result.pk)
    return list(found.order_by("pk").values_list("actor_id", "details__form"))


def test_a_download_is_kept_with_the_site_it_came_from(
    world: World, result: Result
) -> None:
    alice = world.people["alice"]
    world.person("alice").get(f"/api/v1/results/{result.pk}/download/")
    world.person("alice").get(f"/api/v1/tasks/{result.run.task_id}/results.zip")
    assert taken(result) == [(alice.pk, "file"), (alice.pk, "zip")]
    event = last("result.downloaded")
    assert concerned(event) == (world.sites[0].pk, world.collaboration.pk)


def test_a_download_in_parts_is_one_download(world: World, result: Result) -> None:
    alice, client = world.people["alice"], world.person("alice")
    path = f"/api/v1/results/{result.pk}/download/"
    for part in ("bytes=0-0", "bytes=1-1", "bytes=2-", "bytes=-1"):
        assert client.get(path, headers={"Range": part}).status_code == 206
    assert taken(result) == [(alice.pk, "file")]
    client.get(path, headers={"Range": "bytes=0-0"})
    assert len(taken(result)) == 2


def test_nobody_takes_a_result_by_its_later_parts_alone(
    world: World, result: Result
) -> None:
    path = f"/api/v1/results/{result.pk}/download/"
    world.person("alice").get(path)
    world.person("bob").get(path, headers={"Range": "bytes=1-"})
    assert [who for who, _ in taken(result)] == [
        world.people["alice"].pk,
        world.people["bob"].pk,
    ]


def test_what_is_refused_or_only_asked_about_is_no_download(
    world: World, result: Result
) -> None:
    path = f"/api/v1/results/{result.pk}/download/"
    alice, rival = world.person("alice"), world.person("dave")
    with nothing_stored():
        assert alice.head(path).status_code == 200
        far = {"Range": "bytes=999999-"}
        assert alice.get(path, headers=far).status_code == 416
        assert rival.get(path).status_code == 404


def test_a_whole_day_makes_one_true_chain_without_a_name(
    world: World, result: Result
) -> None:
    world.person("alice").get(f"/api/v1/results/{result.pk}/download/")
    sign_in(world.people["alice"])
    assert chain_events() == Event.objects.count() > 40
    assert verify().wrong == ""
    stored = str(list(Event.objects.values("details", "action", "object_type")))
    for user in User.objects.all():
        assert not re.search(rf"\b{re.escape(user.username)}\b", stored)


def test_what_is_undone_leaves_no_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("made up")

    monkeypatch.setattr("apps.organizations.services.sync_permissions", fail)
    bob = world.people["bob"]
    with nothing_stored(), pytest.raises(RuntimeError):
        grant_membership(
            user=bob, organization=world.sites[0], role=Role.ADMIN, actor=SYSTEM
        )
