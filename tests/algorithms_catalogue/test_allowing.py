"""Where a version may be used, and that it is once withdrawn nowhere allowed anew."""

from typing import Any

import pytest

from apps.algorithms.models import AllowedVersion
from apps.algorithms.services import (
    allow_version,
    disallow_version,
    reinstate_version,
    withdraw_version,
)
from apps.audit.actors import SYSTEM
from apps.errors import Conflict
from tests.stored import acts, nothing_stored
from tests.worlds import World


def allowed(world: World) -> bool:
    return AllowedVersion.objects.filter(
        version=world.version, collaboration=world.collaboration
    ).exists()


def test_a_collaboration_stops_allowing_a_version_once(world: World) -> None:
    where: dict[str, Any] = {
        "version": world.version,
        "collaboration": world.collaboration,
    }
    disallow_version(**where, actor=SYSTEM)
    assert not allowed(world)
    with pytest.raises(Conflict), nothing_stored():
        disallow_version(**where, actor=SYSTEM)
    assert acts("version.disallowed", object_id=world.version.pk) == 1


def test_what_runs_already_goes_on(world: World) -> None:
    world.send()
    (run,) = world.nodes[0].claimed()
    disallow_version(
        version=world.version, collaboration=world.collaboration, actor=SYSTEM
    )
    world.nodes[0].complete(run)
    assert world.sites[0].runs.get().status == "completed"


def test_a_withdrawn_version_is_not_allowed_until_it_is_reinstated(
    world: World, rival: World
) -> None:
    where: dict[str, Any] = {
        "version": world.version,
        "collaboration": rival.collaboration,
    }
    withdraw_version(version=world.version, actor=SYSTEM)
    with pytest.raises(Conflict), nothing_stored():
        allow_version(**where, actor=SYSTEM)
    reinstate_version(version=world.version, actor=SYSTEM)
    allow_version(**where, actor=SYSTEM)
    assert AllowedVersion.objects.filter(version=world.version).count() == 2
    assert acts("version.reinstated", object_id=world.version.pk) == 1
