"""What archiving a collaboration ends, what it lets finish, and who still reads it."""

from collections.abc import Callable
from functools import partial

import pytest
from django.utils import timezone

from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import (
    answer_as_admin,
    answer_invitation,
    invite_organization,
)
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.studies import create_study, end_study, update_study
from apps.errors import Conflict
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.collaborations.policy import SEND, archive, limit, own, stop_sending
from tests.desk import act, desk, manager_of, text
from tests.pages import browser, words
from tests.stored import acts, nothing_stored
from tests.worlds import World


def test_archiving_cancels_what_waits_and_lets_what_runs_finish(world: World) -> None:
    sent = world.send()
    (held,) = world.nodes[0].claimed()
    (given_back,) = world.nodes[1].claimed()
    archive(world)
    states = {run.organization_id: run.status for run in Run.objects.all()}
    assert [states[site.pk] for site in world.sites] == [
        "claimed",
        "claimed",
        "cancelled",
    ]
    world.nodes[0].complete(held)
    world.nodes[1].report(given_back["run"], 1, "queued", code="node_stopping")
    runs = Run.objects.filter(task=sent["id"])
    assert runs.get(pk=held["run"]).status == "completed"
    assert runs.get(pk=given_back["run"]).status == "cancelled"
    assert Result.objects.count() == 1
    assert Task.objects.get(pk=sent["id"]).status == "finished"


def test_nodes_get_nothing_of_an_archived_collaboration(world: World) -> None:
    """Also of a task that slipped in while it was being archived."""
    world.send()
    Collaboration.objects.update(archived_at=timezone.now())
    assert world.nodes[0].claimed() == []


def test_what_was_there_stays_readable_to_those_who_read_it(
    world: World, rival: World
) -> None:
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    paths = [f"{SEND}{task['id']}/", f"/api/v1/collaborations/{own(world).pk}/"]

    def seen(of: World, person: str) -> list[int]:
        return [of.person(person).get(path).status_code for path in paths]

    readers = [(world, "alice"), (world, "dave"), (rival, "alice")]
    before = [seen(*reader) for reader in readers]
    archive(world)
    assert [seen(*reader) for reader in readers] == before
    assert before == [[200, 200], [404, 200], [404, 404]]
    page = browser(world, "alice").get(f"/collaborations/{own(world).pk}/")
    assert "Archived since" in words(page)
    assert "may send tasks" not in words(page)
    shown = words(browser(world, "alice").get("/collaborations/"))
    assert f"{own(world).name} Archived" in shown
    assert "New task here" not in words(page)


def invite(world: World, rival: World) -> Participation:
    return invite_organization(
        collaboration=own(world), organization=rival.sites[0], actor=SYSTEM
    )


def test_nothing_changes_in_an_archived_collaboration(
    world: World, rival: World
) -> None:
    participation = world.sites[0].participations.get()
    pending = invite(world, rival)
    study = create_study(
        collaboration=own(world), name="Early", organizations=world.sites, actor=SYSTEM
    )
    archive(world)
    changes: list[Callable[[], object]] = [
        partial(limit, world),
        partial(archive, world),
        partial(invite, world, rival),
        partial(stop_sending, world),
        partial(
            answer_as_admin,
            participation=pending,
            answer=ParticipationStatus.ACCEPTED,
            admin=rival.people["admin0"],
        ),
        partial(
            allow_version,
            version=rival.version,
            collaboration=own(world),
            actor=SYSTEM,
        ),
        partial(
            create_study,
            collaboration=own(world),
            name="Late",
            organizations=world.sites,
            actor=SYSTEM,
        ),
        partial(
            update_study,
            study=study,
            name="Later",
            organizations=world.sites,
            actor=SYSTEM,
        ),
        partial(end_study, study=study, actor=SYSTEM),
    ]
    for change in changes:
        with nothing_stored(), pytest.raises(Conflict) as refusal:
            change()
        assert refusal.value.code == "collaboration_archived"
    pending.refresh_from_db()
    assert pending.status == ParticipationStatus.ENDED
    # Leaving stays possible.
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )


def test_its_admin_archives_it_and_then_has_no_page_to_change_it(
    world: World, rival: World
) -> None:
    manager = manager_of(world)
    others = [world.people["admin0"], world.people["alice"], manager_of(rival)]
    for user in others:
        with nothing_stored():
            assert act(user, own(world), "archive").status_code == 404
    where = f"/admin/collaborations/collaboration/{own(world).pk}/archive/"
    assert "ends for good" in text(desk(manager).get(where))
    assert act(manager, own(world), "archive").status_code == 302
    own(world).refresh_from_db()
    assert own(world).is_archived
    for page in ("archive", "edit", "study"):
        assert act(manager, own(world), page).status_code == 404
    assert acts("collaboration.archived", actor_id=manager.pk) == 1


def test_a_saved_page_says_why_its_collaboration_takes_no_task(world: World) -> None:
    address = f"/tasks/new/?collaboration={own(world).pk}"
    archive(world)
    client = browser(world, "alice")
    assert "was archived on" in words(client.get(address))
    assert "There is no collaboration to which" in words(client.get("/tasks/new/"))
    assert not Task.objects.exists()
