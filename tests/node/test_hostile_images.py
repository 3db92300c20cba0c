"""Images that try to get out: nothing that they do has an effect."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from ptm_node.runtimes.base import Mount

from tests.node.docker_support import RUNTIMES, Engine, own_containers
from tests.node.hostile import besieged, hostile_image

pytestmark = pytest.mark.docker


@pytest.fixture(params=RUNTIMES)
def engine(
    request: pytest.FixtureRequest, docker_client: docker.DockerClient, tmp_path: Path
) -> Iterator[Engine]:
    image = hostile_image(docker_client)
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path, image, node, request.param)
        yield engine
        engine.runtime.close()


def test_no_attack_has_an_effect(
    engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    with besieged(docker_client, engine.node, engine.image, tmp_path) as siege:
        outcomes = engine.result(
            "attacks",
            mounts=(Mount(str(siege.table), "/data/default.csv", read_only=True),),
            environment={"DATABASE_URI": "/data/default.csv"},
            **siege.arguments,
        )
    siege.assert_no_effect(outcomes, str(engine.oci_runtime))
