"""What a collaboration's policy stops, in which words, and what goes on."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.organizations.choices import Role
from apps.organizations.services import grant_membership
from apps.tasks.models import Task
from tests.collaborations.policy import (
    SEND,
    archive,
    expire,
    limit,
    own,
    refused,
    set_policy,
    stop_sending,
)
from tests.desk import act, desk, manager_of, text
from tests.pages import browser, words
from tests.stored import acts, nothing_stored
from tests.threads import at_once
from tests.worlds import World


def sent_in_the_portal(world: World, **changes: Any) -> Any:
    form = {
        "key": "page-1",
        "collaboration": world.collaboration.pk,
        "version": world.version.pk,
        "function": "summary",
        "organizations": [site.pk for site in world.sites],
        "database_0": "default",
        "a-columns": "age",
        "name": "Age",
        "step": "send",
        **changes,
    }
    return browser(world, "alice").post("/tasks/new/", form)


STOPS: list[tuple[Callable[[World], None], str, str, str]] = [
    (expire, "collaboration_expired", "collaboration", "it takes no new tasks"),
    (archive, "collaboration_archived", "collaboration", "it takes no new tasks"),
    (stop_sending, "organization_may_not_send", "organization", "send no tasks"),
    (limit, "open_tasks_limit", "collaboration", "at most 1 open task here"),
]


@pytest.mark.parametrize(("stop", "code", "field", "said"), STOPS)
def test_what_the_policy_stops_is_refused_at_its_field(
    world: World, stop: Callable[[World], None], code: str, field: str, said: str
) -> None:
    world.send()
    stop(world)
    answer = refused(world)
    assert (answer["code"], list(answer["errors"])) == (code, [field])
    assert said in answer["detail"]
    with nothing_stored():
        page = sent_in_the_portal(world)
    assert page.status_code == 422
    assert said in words(page)


@pytest.mark.parametrize(("stop", "code"), [row[:2] for row in STOPS])
def test_running_again_is_new_work(
    world: World, stop: Callable[[World], None], code: str
) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    world.send()  # so that the limit is reached
    stop(world)
    alice = world.person("alice")
    with nothing_stored():
        answer = alice.post(f"/api/v1/runs/{task['runs'][0]['id']}/again/")
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    page = browser(world, "alice").post(
        f"/runs/{task['runs'][0]['id']}/again/", follow=True
    )
    assert answer.json()["detail"] in page.content.decode()


def test_before_its_time_a_collaboration_takes_tasks(world: World) -> None:
    set_policy(world, expires_at=timezone.now() + timedelta(minutes=1))
    world.send()
    expire(world)
    refused(world)
    set_policy(world, expires_at=None)
    world.send()


def test_what_was_sent_before_the_expiry_goes_on(world: World) -> None:
    sent = world.send(organizations=[world.sites[0].pk])
    other = world.send(organizations=[world.sites[1].pk])
    expire(world)
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    assert Task.objects.get(pk=sent["id"]).status == "finished"
    cancelled = world.person("alice").post(f"{SEND}{other['id']}/cancel/")
    assert cancelled.json()["runs_by_status"] == {"cancelled": 1}


def test_an_organization_sends_as_long_as_the_collaborations_admin_lets_it(
    world: World, rival: World
) -> None:
    participation = world.sites[0].participations.get()
    manager = manager_of(world)
    for user in (world.people["admin0"], manager_of(rival), world.people["admin1"]):
        with nothing_stored():
            answer = act(user, participation, "stop-sending")
            assert answer.status_code == 404
    assert act(manager, participation, "allow-sending").status_code == 404
    assert act(manager, participation, "stop-sending").status_code == 302
    refused(world)
    world.send("dave")
    rules = words(browser(world, "dave").get(f"/collaborations/{own(world).pk}/"))
    assert f"except {world.sites[0].name}." in rules
    assert act(manager, participation, "allow-sending").status_code == 302
    world.send()
    assert acts("participation.sending_stopped", actor_id=manager.pk) == 1
    assert acts("participation.sending_allowed", actor_id=manager.pk) == 1


def test_a_person_of_two_organizations_sends_for_the_one_that_may(
    world: World,
) -> None:
    grant_membership(
        user=world.people["alice"],
        organization=world.sites[1],
        role=Role.RESEARCHER,
        actor=SYSTEM,
    )
    stop_sending(world)
    sent = world.send()
    assert sent["organization"]["id"] == world.sites[1].pk
    answer = refused(world, organization=world.sites[0].pk)
    assert answer["code"] == "organization_may_not_send"


def test_what_keeps_others_from_sending_is_not_told(world: World) -> None:
    stop_sending(world, 1)
    answer = refused(world, organization=world.sites[1].pk)
    assert answer["code"] == "organization_unknown"


def test_who_may_not_send_any_more_may_still_cancel(world: World) -> None:
    task = world.send()
    stop_sending(world)
    answer = world.person("alice").post(f"{SEND}{task['id']}/cancel/")
    assert answer.json()["runs_by_status"] == {"cancelled": 3}


def test_the_limit_counts_each_persons_open_tasks_here(world: World) -> None:
    limit(world, 2)
    first = world.send(organizations=[world.sites[0].pk])
    world.send()
    refused(world)
    world.send("dave")
    world.person("alice").post(f"{SEND}{first['id']}/cancel/")
    world.send()
    refused(world)
    limit(world, None)
    world.send()


def test_a_repeated_request_gets_its_task_also_at_the_limit(world: World) -> None:
    limit(world)
    alice = world.person("alice")
    headers = {"Idempotency-Key": "k"}
    first, again = (
        alice.post(SEND, world.task_body(), headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_the_limit_costs_two_queries_and_none_where_there_is_none(
    world: World,
) -> None:
    world.send()  # so that both are warm

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            world.send()
        return len(captured)

    without = cost()
    limit(world, 100)
    assert cost() == without + 2


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_tasks_sent_at_once_do_not_pass_the_limit(world: World) -> None:
    limit(world, 2)
    clients = [world.client("alice") for _ in range(6)]
    sends = [
        partial(
            client.post,
            SEND,
            world.task_body(),
            headers={"Idempotency-Key": str(number)},
        )
        for number, client in enumerate(clients)
    ]
    answers = at_once(sends)
    assert sorted(a.status_code for a in answers) == [201] * 2 + [422] * 4
    assert Task.objects.count() == 2


def test_the_whole_policy_is_changed_on_one_page_and_told_on_the_portals(
    world: World,
) -> None:
    fields = {
        "purpose": "to learn",
        "visibility": "initiator",
        "deadline_days": "7",
        "expires_at": "2100-05-03T12:00",
        "open_tasks_per_user": "4",
    }
    assert act(manager_of(world), own(world), "edit", **fields).status_code == 302
    said = words(browser(world, "bob").get(f"/collaborations/{own(world).pk}/"))
    assert "Results are seen by the person who sent the task." in said
    assert "A task ends after 7 days at the latest." in said
    assert "New tasks can be sent until" in said
    assert "One person has at most 4 open tasks at a time." in said
    form = desk(manager_of(world)).get(
        f"/admin/collaborations/collaboration/{own(world).pk}/edit/"
    )
    assert 'value="2100-05-03T12:00"' in text(form)
    expire(world)
    said = words(browser(world, "bob").get(f"/collaborations/{own(world).pk}/"))
    assert "Expired since" in said
    assert "Nobody sends a new task; those that were sent go on." in said


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "99999999999999999999"])
def test_a_limit_lets_at_least_one_task_through(world: World, wrong: str) -> None:
    fields = {"visibility": "initiator", "deadline_days": "7"}
    with nothing_stored():
        answer = act(
            manager_of(world), own(world), "edit", open_tasks_per_user=wrong, **fields
        )
    assert answer.status_code == 422
