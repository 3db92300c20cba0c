from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.machine.play import Play, playing
from tests.worlds import World, add_node


@pytest.fixture
def shared(world: World, settings: LazySettings) -> World:
    """The world with a second node at the first site."""
    settings.REQUESTS_A_MINUTE = 10**9
    add_node(world, world.sites[0], world.people["admin0"])
    world.person("alice")  # whose token stays when a play is undone
    return world


@pytest.fixture
def play(shared: World, tmp_path: Path) -> Iterator[Play]:
    """One play, whose nodes have said their hello."""
    with playing(shared, tmp_path / "play") as play:
        play.flow(*play.hosts)
        yield play
