"""A task of three sites, and the run of one: where most tests of tasks begin."""

from typing import Any

import pytest

from tests.worlds import World


@pytest.fixture
def task(world: World) -> dict[str, Any]:
    """As the API told of it when it was sent."""
    sent: dict[str, Any] = world.send()
    return sent
