"""A real container speaks to a real database, through its relay and in no other way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ptm_node.relays import Relay
from ptm_node.runtimes.base import Mount

from tests.node.docker_support import Engine

pytestmark = pytest.mark.docker


@pytest.fixture
def relay(reader: tuple[str, int], tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path / "relay", reader)
    yield relay
    relay.close()


def given(tmp_path: Path) -> dict[str, Any]:
    mount = Mount(str(tmp_path / "relay"), "/data/live", read_only=True)
    return {"mounts": (mount,), "environment": {"DATABASE_URI": "/data/live"}}


def test_a_container_asks_its_own_questions(
    real_engine: Engine, relay: Relay, tmp_path: Path
) -> None:
    query = "SELECT id, stage FROM patients WHERE id < 3 ORDER BY id"
    said = real_engine.result("asks_postgresql", query=query, **given(tmp_path))
    assert said == {"rows": [["1", "II"], ["2", 'Ⅲ, "b"']]}
    assert relay.connections == 1


def test_it_sees_nothing_else_and_changes_nothing(
    real_engine: Engine, relay: Relay, tmp_path: Path
) -> None:
    seen = real_engine.result("echo", **given(tmp_path))
    assert seen["interfaces"] == ["lo"]
    writable = {place for place, may in seen["writable"].items() if may}
    assert writable == {"/tmp", "/app/output.txt"}  # noqa: S108
    assert "/data/live" in seen["mounts"]
