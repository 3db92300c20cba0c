"""The newest tasks on a collaboration's page: the reader's, and boundedly many."""

import pytest

from apps.tasks.templatetags import latest
from tests.pages import browser, words
from tests.worlds import World


def of(world: World, person: str) -> str:
    page = f"/collaborations/{world.collaboration.pk}/"
    return words(browser(world, person).get(page))


def test_the_latest_tasks_are_those_that_the_reader_may_see(world: World) -> None:
    world.send(organizations=[world.sites[0].pk], name="Only at A")
    world.send(name="At all three")
    alice, dave = of(world, "alice"), of(world, "dave")
    assert "Only at A" in alice
    assert "At all three" in alice
    assert "Only at A" not in dave
    assert "At all three" in dave  # it runs at dave's own site


def test_only_a_bounded_number_of_tasks_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "LOOKED_AT", 2)
    for number in range(3):
        world.send(organizations=[world.sites[0].pk], name=f"Task {number}")
    said = of(world, "alice")
    assert "Task 0" not in said
    assert said.index("Task 2") < said.index("Task 1")
    assert "No recent task here is yours to see." in of(world, "dave")
