"""Work is sent in the instant in which its collaboration or a consent ends.

Whoever is first is right, and nothing stays in a queue from which no node takes it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.services import archive_collaboration
from apps.errors import Conflict
from apps.tasks import authoring, parties, services
from apps.tasks.models import Run, Task
from tests.threads import at_once
from tests.worlds import World

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

SEND = "/api/v1/tasks/"
Ending = Callable[[World], object]


def archive(world: World) -> None:
    archive_collaboration(collaboration=world.collaboration, actor=SYSTEM)


def end(world: World, site: int) -> None:
    answer_invitation(
        participation=world.sites[site].participations.get(),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )


end_a, end_b = partial(end, site=0), partial(end, site=1)
ENDINGS: list[tuple[Ending, str]] = [
    (archive, "collaboration_archived"),
    (end_a, "organization_may_not_send"),
    (end_b, "organization_unknown"),
]


def then(first: Callable[..., Any], second: Callable[[], object]) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        answer = first(*args, **kwargs)
        second()
        return answer

    return both


@contextmanager
def meanwhile(call: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Give what begins the call on a connection of its own; it has ended afterwards.

    Once begun it has also ended, or waits for what this connection does.
    """
    with ThreadPoolExecutor(1) as pool:
        begun: list[Future[object]] = []

        def begin() -> None:
            begun.append(pool.submit(at_once, [call]))
            while _can_tell() and not begun[0].done() and not _somebody_waits():
                continue

        yield begin
        begun[0].result(timeout=60)


def _can_tell() -> bool:
    """On SQLite there is one writer, and nothing tells who waits to be it."""
    return connection.vendor == "postgresql"


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone() != (0,))


@pytest.mark.parametrize(("ending", "code"), ENDINGS)
def test_what_ends_after_the_checks_refuses_the_task(
    world: World, monkeypatch: pytest.MonkeyPatch, ending: Ending, code: str
) -> None:
    alice = world.person("alice")
    checked = then(authoring.check_databases, partial(ending, world))
    monkeypatch.setattr(authoring, "check_databases", checked)
    answer = alice.post(SEND, world.task_body())
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (Task.objects.count(), Run.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("ending", "cancelled"), [(archive, 3), (end_a, 3), (end_b, 1)]
)
def test_what_ends_while_the_task_is_stored_finds_its_runs(
    world: World, monkeypatch: pytest.MonkeyPatch, ending: Ending, cancelled: int
) -> None:
    alice = world.person("alice")
    with meanwhile(partial(ending, world)) as begin:
        recorded = then(services._record_created, begin)
        monkeypatch.setattr(services, "_record_created", recorded)
        answer = alice.post(SEND, world.task_body())
    assert answer.status_code == 201
    states = Counter(Run.objects.values_list("status", flat=True))
    assert states == Counter({"cancelled": cancelled, "queued": 3 - cancelled})


def test_two_tasks_of_one_collaboration_are_stored_at_the_same_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not _can_tell():
        pytest.skip("SQLite has one writer at a time")
    alice, dave = world.person("alice"), world.person("dave")
    send_too = partial(dave.post, SEND, world.task_body())
    record = services._record_created

    def beside(*args: Any) -> None:
        monkeypatch.setattr(services, "_record_created", record)
        (answer,) = at_once([send_too])  # in the midst of alice's transaction
        assert answer.status_code == 201
        record(*args)

    monkeypatch.setattr(services, "_record_created", beside)
    assert alice.post(SEND, world.task_body()).status_code == 201
    assert Task.objects.count() == 2


@pytest.mark.parametrize("ending", [archive, end_a, end_b])
def test_what_ends_while_a_run_is_queued_again_finds_it(
    world: World, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    task = world.send(organizations=[world.sites[1].pk])
    (run,) = world.nodes[1].claimed()
    world.nodes[1].complete(run)
    alice = world.person("alice")
    with meanwhile(partial(ending, world)) as begin:
        monkeypatch.setattr(services, "_reopen", then(services._reopen, begin))
        answer = alice.post(f"/api/v1/runs/{task['runs'][0]['id']}/again/")
    assert answer.status_code == 201
    assert Run.objects.get(pk=answer.json()["id"]).status == "cancelled"


def test_a_run_of_what_was_archived_since_is_not_queued_again(world: World) -> None:
    world.send(organizations=[world.sites[1].pk])
    (assigned,) = world.nodes[1].claimed()
    world.nodes[1].complete(assigned)
    run = Run.objects.select_related("task__collaboration").get()
    archive(world)
    with pytest.raises(Conflict) as refused:
        services.run_again(run=run, user=world.people["alice"], keyed=None)
    assert refused.value.code == "collaboration_archived"
    assert Run.objects.count() == 1


@pytest.mark.parametrize("ending", [archive, end_a, end_b])
def test_what_ends_while_a_run_is_given_back_finds_it(
    world: World, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    world.send(organizations=[world.sites[1].pk])
    (run,) = world.nodes[1].claimed()
    with meanwhile(partial(ending, world)) as begin:
        held = then(parties.hold_consent, begin)
        monkeypatch.setattr("apps.tasks.dispatch.hold_consent", held)
        answer = world.nodes[1].report(run["run"], 1, "queued", code="node_stopping")
    assert answer.json()["status"] == "queued"
    assert Run.objects.get().status == "cancelled"


@pytest.mark.parametrize("ending", [archive, end_a, end_b])
def test_a_run_that_is_given_back_afterwards_is_queued_no_more(
    world: World, ending: Ending
) -> None:
    world.send(organizations=[world.sites[1].pk])
    (run,) = world.nodes[1].claimed()
    ending(world)
    answer = world.nodes[1].report(run["run"], 1, "queued", code="node_stopping")
    assert answer.json()["status"] == "cancelled"
