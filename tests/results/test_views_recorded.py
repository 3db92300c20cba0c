"""Who was shown a result's numbers in the portal: the audit keeps each view once."""

from datetime import timedelta

import pytest

from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.results import services
from apps.results.models import Result
from apps.tasks.models import Task
from tests.pages import browser
from tests.results.pages import answered, results
from tests.stored import nothing_stored
from tests.worlds import World


def viewed(world: World, person: str) -> list[int | None]:
    """The results that this person was shown, as often as they were."""
    events = Event.objects.filter(action="result.viewed", object_type="result")
    theirs = events.filter(actor_kind="user", actor_id=world.people[person].pk)
    return list(theirs.order_by("object_id").values_list("object_id", flat=True))


def test_a_result_page_is_a_view_of_the_site_that_it_comes_from(
    world: World, task: Task
) -> None:
    result = results(task)[1]
    browser(world, "bob").get(f"/results/{result.pk}/")
    event = Event.objects.latest("id")
    assert viewed(world, "bob") == [result.pk]
    assert (event.organization_id, event.collaboration_id) == (
        world.sites[1].pk,
        world.collaboration.pk,
    )
    assert event.address == "127.0.0.1"


def test_a_task_page_is_a_view_of_every_result_that_it_shows(
    world: World, task: Task
) -> None:
    ours = [result.pk for result in results(task)]
    browser(world, "alice").get(f"/tasks/{task.pk}/")
    assert viewed(world, "alice") == sorted(ours)
    browser(world, "dave").get(f"/tasks/{task.pk}/")
    assert viewed(world, "dave") == [ours[1]]  # the only one that dave may see


def test_a_page_that_asks_again_is_one_view_for_an_hour(
    world: World, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, pk = browser(world, "alice"), results(task)[0].pk
    paths = (f"/results/{pk}/", f"/tasks/{task.pk}/")
    for path in paths:
        client.get(path)
    with nothing_stored():
        for path in paths:
            client.get(path, headers={"HX-Request": "true"})
    assert viewed(world, "alice").count(pk) == 1
    monkeypatch.setattr(services, "ONE_VIEW", timedelta(0))
    client.get(paths[0])
    assert viewed(world, "alice").count(pk) == 2


def test_what_somebody_else_of_the_same_number_took_is_not_ones_own(
    world: World, task: Task
) -> None:
    result, number = results(task)[0], world.people["alice"].pk
    services.record_views(actor=Actor.node(number), results=[result])
    services.record_views(actor=Actor.user(number), results=[result])
    assert viewed(world, "alice") == [result.pk]


def test_taking_a_result_is_no_view_of_it_and_the_reverse(
    world: World, task: Task
) -> None:
    result, client = results(task)[0], browser(world, "alice")
    client.get(f"/api/v1/results/{result.pk}/download/")
    client.get(f"/results/{result.pk}/")
    assert viewed(world, "alice") == [result.pk]
    client.get(f"/api/v1/results/{result.pk}/download/", headers={"Range": "bytes=1-"})
    assert Event.objects.filter(action="result.downloaded").count() == 1


def test_a_page_without_numbers_is_no_view(
    world: World, rival: World, task: Task
) -> None:
    result = results(task)[0]
    strange = Result.objects.get(run__task=answered(world, b"\x00 no JSON"))
    open_task = world.send()
    with nothing_stored():
        browser(world, "alice").head(f"/results/{result.pk}/")
        browser(world, "alice").head(f"/tasks/{task.pk}/")
        browser(world, "alice").get(f"/results/{strange.pk}/")
        browser(world, "alice").get(f"/tasks/{strange.run.task_id}/")
        browser(world, "alice").get(f"/tasks/{open_task['id']}/")
        browser(world, "alice").get(f"/results/{result.pk}999/")
        browser(rival, "alice").get(f"/results/{result.pk}/")
