import pytest
from django.conf import LazySettings

from apps.accounts import naming
from tests.fuzz.stage import HEAD, Registry, Stage, set_stage
from tests.worlds import World


@pytest.fixture
def stage(
    world: World, rival: World, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    settings.REQUESTS_A_MINUTE = 10**9
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 10**9)
    settings.REGISTRY_URL = "http://registry.test"
    monkeypatch.setattr(HEAD, Registry())
    return set_stage(world, rival)
