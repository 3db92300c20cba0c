"""What `make bench` says of the pages is measured on rows like real ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import Client

from apps.tasks.models import Run, RunEvent, Task
from benchmarks import pages
from benchmarks.crowd import OPEN, RIVAL_EVERY, Crowd
from benchmarks.weight import Links
from tests.worlds import World
from tools.rig.errors import RigError

TASKS = 20


class FakeCrowd:
    """Answers with the given numbers; every request takes longer than the last."""

    def __init__(self, milliseconds: float, queries: int = 7) -> None:
        self.milliseconds = milliseconds
        self._queries = queries

    def queries(self, page: str) -> float:
        return self._queries

    def times(self, page: str) -> list[float]:
        return [self.milliseconds] * 3 + [10_000]


def compare(few: FakeCrowd, many: FakeCrowd) -> Iterator[Any]:
    known = (cast(pages.Crowded, crowd) for crowd in (few, many))
    return pages.compare("task", *known)


@pytest.fixture
def crowd(world: World) -> Crowd:
    sites = [site.pk for site in world.sites]
    crowd = Crowd(world.people["alice"].pk, sites)
    crowd.fill(TASKS)
    return crowd


@pytest.mark.parametrize(("many", "met"), [(14.9, True), (15.1, False)])
def test_a_page_may_take_half_as_long_again(many: float, met: bool) -> None:
    took, ratio = compare(FakeCrowd(10), FakeCrowd(many))
    assert (took.value, took.unit, took.met) == (many, "ms", None)
    assert ratio.value == pytest.approx(many / 10)
    assert ratio.met is met


def test_a_page_that_asks_more_often_is_not_compared() -> None:
    with pytest.raises(RigError, match="task makes 7 queries, or 8"):
        list(compare(FakeCrowd(10), FakeCrowd(10, queries=8)))


def test_the_crowd_is_of_two_collaborations_and_ends_with_open_tasks(
    crowd: Crowd,
) -> None:
    tasks = list(Task.objects.filter(version=crowd.version).order_by("pk"))
    assert len(tasks) == TASKS
    statuses = [task.status for task in tasks]
    assert statuses == ["finished"] * (TASKS - OPEN) + ["open"] * OPEN
    strange = [task for task in tasks if task.collaboration == crowd.rival]
    assert len(strange) == TASKS // RIVAL_EVERY
    for run in Run.objects.filter(task__in=tasks):
        assert hasattr(run, "result") == (run.status == "completed")
    ended = Run.objects.filter(task__in=tasks, status="completed")
    assert RunEvent.objects.filter(run__in=ended).count() == 2 * ended.count()


def test_the_reader_of_the_benchmark_sees_the_own_tasks_and_no_others(
    crowd: Crowd, world: World
) -> None:
    client = Client()
    client.force_login(world.people["alice"])
    seen = Task.objects.visible_to(world.people["alice"]).filter(version=crowd.version)
    assert {task.collaboration for task in seen} == {crowd.own}
    task = seen.latest("pk")
    assert client.get(f"/tasks/{task.pk}/").status_code == 200


def test_what_a_page_fetches_is_found_once_and_links_are_not() -> None:
    links = Links("https://ptm.test/tasks/")
    links.feed(
        '<link rel="icon" href="/mark.svg"><script src="/live.js"></script>'
        '<a href="/tasks/7/">Task</a><img src="mark.svg" alt="">'
        '<svg><use href="/icons.svg#x"></use><use href="/icons.svg#y"></use></svg>'
    )
    paths = {address.removeprefix("https://ptm.test") for address in links.found}
    assert paths == {"/mark.svg", "/live.js", "/tasks/mark.svg", "/icons.svg"}


def test_every_measured_page_is_there_in_a_process_of_its_own(tmp_path: Path) -> None:
    with pages.Crowded(tmp_path, TASKS) as crowd:
        for page in pages.MEASURED:
            assert crowd.queries(page) > 0
