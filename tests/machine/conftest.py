import pytest
from django.conf import LazySettings

from tests.worlds import World, add_node


@pytest.fixture
def shared(world: World, settings: LazySettings) -> World:
    """The world with a second node at the first site."""
    settings.REQUESTS_A_MINUTE = 10**9
    add_node(world, world.sites[0], world.people["admin0"])
    world.person("alice")  # whose token stays when a play is undone
    return world
