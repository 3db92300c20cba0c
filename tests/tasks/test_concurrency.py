"""Many at once, on a database that is really shared: each effect happens once."""

import copy
from collections import Counter
from functools import partial
from typing import Any

import pytest

from apps.audit.models import Event
from apps.results.models import Result
from apps.tasks.models import IdempotencyKey, Run, RunEvent, Task
from tests.daemon import NodeClient
from tests.stored import acts
from tests.threads import at_once
from tests.worlds import World, add_node

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]


def twin(node: NodeClient) -> NodeClient:
    """The same instance of the daemon, for use in another thread."""
    return copy.deepcopy(node)


def claim_all(node: NodeClient) -> list[int]:
    """Claim three at a time until nothing is left."""
    taken: list[int] = []
    while runs := node.claimed(capacity=3):
        taken += [run["run"] for run in runs]
    return taken


def test_fifty_runs_are_each_claimed_exactly_once_by_eight_nodes(world: World) -> None:
    sites = [world.sites[0].pk]
    expected = [world.send(organizations=sites)["runs"][0]["id"] for _ in range(50)]
    admin = world.people["admin0"]
    more = [add_node(world, world.sites[0], admin, hello=True) for _ in range(7)]
    taken = at_once([partial(claim_all, node) for node in (world.nodes[0], *more)])
    assert sorted(run for runs in taken for run in runs) == expected
    stored = Run.objects.all()
    assert Counter(stored.values_list("status", "attempt")) == {("claimed", 1): 50}
    assert RunEvent.objects.filter(new="claimed").count() == 50
    by_node = Counter(stored.values_list("node", flat=True))
    assert sorted(by_node.values()) == sorted(len(runs) for runs in taken if runs)


def test_copies_of_one_claim_get_the_same_runs(world: World) -> None:
    for _ in range(6):
        world.send(organizations=[world.sites[0].pk])
    copies = [twin(world.nodes[0]) for _ in range(8)]
    answers = at_once([partial(c.claim, capacity=2, number=1) for c in copies])
    assert {answer.status_code for answer in answers} == {200}
    given = {tuple(run["run"] for run in a.json()["runs"]) for a in answers}
    assert len(given) == 1
    assert Run.objects.filter(status="claimed").count() == 2


def test_the_task_is_finished_once_when_all_runs_end_together(world: World) -> None:
    task = world.send()
    held = [(node, node.claimed()[0]) for node in world.nodes]
    before = Task.objects.get().revision
    at_once([partial(node.upload, run, b"1") for node, run in held])
    done = Task.objects.get(pk=task["id"])
    assert (done.status, done.revision) == ("finished", before + 3)
    assert done.finished_at is not None
    assert Result.objects.count() == 3
    assert Counter(RunEvent.objects.values_list("new", flat=True)) == {
        "claimed": 3,
        "completed": 3,
    }


@pytest.mark.parametrize("pair", range(4))
def test_finishing_and_cancelling_at_once_is_one_or_the_other(
    world: World, pair: int
) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (run,) = node.claimed()
    alice = world.person("alice")
    location = node.announce(run, b"data")["Location"]
    path = f"/api/v1/tasks/{task['id']}/cancel/"
    uploaded, cancelled = at_once(
        [partial(node.patch, location, b"data"), partial(alice.post, path)]
    )
    assert cancelled.status_code == 200
    stored = Run.objects.get(pk=run["run"])
    if uploaded.status_code == 204:
        assert stored.status == "completed"
        assert Result.objects.get().run == stored
    else:
        assert uploaded.json()["code"] == "run_cancelled"
        assert not Result.objects.exists()
        assert node.report(run["run"], 1, "cancelled").status_code == 200
    assert Task.objects.get().status == "finished"


def test_a_repeated_report_of_a_fault_counts_once(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    copies = [twin(world.nodes[0]) for _ in range(6)]
    answers = at_once(
        [partial(c.report, run["run"], 1, "failed", code="internal") for c in copies]
    )
    assert {answer.status_code for answer in answers} == {200}
    assert Run.objects.get().retries == 1
    assert RunEvent.objects.filter(new="queued").count() == 1


def test_one_key_makes_one_task_however_often_it_is_sent_at_once(
    world: World,
) -> None:
    clients = [world.client("alice") for _ in range(6)]
    body = world.task_body()

    def send(client: Any) -> Any:
        headers = {"Idempotency-Key": "the same"}
        return client.post("/api/v1/tasks/", body, headers=headers)

    answers = at_once([partial(send, client) for client in clients])
    assert sorted(a.status_code for a in answers) == [200] * 5 + [201]
    assert len({a.json()["id"] for a in answers}) == 1
    assert (Task.objects.count(), Run.objects.count()) == (1, 3)
    assert (IdempotencyKey.objects.count(), acts("task.created")) == (1, 1)


def test_running_again_at_once_makes_one_new_run(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    clients = [world.client("alice") for _ in range(5)]
    path = f"/api/v1/runs/{run['run']}/again/"
    answers = at_once([partial(client.post, path) for client in clients])
    assert sorted(a.status_code for a in answers) == [201] + [409] * 4
    assert (Run.objects.count(), acts("run.again")) == (2, 1)


def test_two_writers_of_one_upload_do_not_spoil_it(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    data = bytes(range(256)) * 4096
    location = world.nodes[0].announce(run, data)["Location"]
    copies = [twin(world.nodes[0]) for _ in range(4)]
    answers = at_once([partial(c.patch, location, data) for c in copies])
    found = Counter(answer.status_code for answer in answers)
    assert found[204] >= 1
    assert set(found) <= {204, 409, 503, 404}
    with Result.objects.get().file.open("rb") as stored:
        assert stored.read() == data
    assert world.nodes[0].offset(location) == len(data)


def test_claims_of_three_sites_over_the_same_tasks_never_wait_in_a_circle(
    world: World,
) -> None:
    """Every claim touches many tasks; run again has shuffled the runs' order."""
    for _ in range(4):
        world.send()
    for node in world.nodes[:2]:
        for run in node.claimed():
            node.report(run["run"], 1, "failed", code="exit_nonzero")
    for run in Run.objects.filter(status="failed").order_by("-task", "organization"):
        world.person("alice").post(f"/api/v1/runs/{run.pk}/again/")
    answers = at_once([partial(node.claim, 20) for node in world.nodes])
    assert [len(answer.json()["runs"]) for answer in answers] == [4, 4, 4]


def test_a_code_used_by_two_at_once_lets_one_in(world: World) -> None:
    from apps.nodes.keys import Key
    from apps.nodes.services import issue_enrolment_code
    from tests.nodes.test_enrolment import enrol

    code = issue_enrolment_code(
        organization=world.sites[0], issued_by=world.people["admin0"]
    )
    keys = [Key.generate("ptmn") for _ in range(4)]
    enrolled = Event.objects.filter(action="node.enrolled")
    before = enrolled.count()
    answers = at_once([partial(enrol, code, key, name=key.prefix) for key in keys])
    assert sorted(a.status_code for a in answers) == [201, 403, 403, 403]
    assert enrolled.count() == before + 1
