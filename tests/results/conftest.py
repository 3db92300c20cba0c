"""A task of three sites, as most tests of pages need it."""

import pytest

from apps.tasks.models import Task
from tests.results.pages import answered, describe, summary
from tests.worlds import World


@pytest.fixture
def task(world: World) -> Task:
    """Three sites have answered; two of them have both groups."""
    describe(world)
    return answered(
        world,
        summary(f=(100, 50.0), m=(40, 61.25)),
        summary(f=(300, 54.0), m=(60, 60.25)),
        summary(f=(200, 51.5)),
    )
