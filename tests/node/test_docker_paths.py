"""A node in a container hands over only paths that are the same for the engine."""

from pathlib import Path

import docker
import pytest
from ptm_node.errors import RunFailure
from ptm_node.messages import Code
from ptm_node.runtimes import docker_paths
from ptm_node.runtimes.base import Mount
from ptm_node.runtimes.docker_paths import Paths

from tests.node.docker_support import Engine, containers_of

MOUNTS = {
    "/srv/node": "/srv/node",
    "/data": "/mnt/warehouse",
    "/data/same": "/data/same",
    "/srv/node/else": "/var/lib/docker/volumes/7/_data",
}
SAME = {
    "/srv/node": True,
    "/srv/node/state/spool/1-1": True,
    "/srv/node2/state": False,
    "/data/patients.csv": False,
    "/data/same/patients.csv": True,
    "/srv/node/else/patients.csv": False,
    "/home/patients.csv": False,
}
IDENTITY = "0123456789abcdef" * 4
OWN = f"""\
593 553 254:1 /lib/docker/containers/{IDENTITY}/hostname /etc/hostname rw - ext4 x rw
594 553 254:1 /lib/docker/containers/{IDENTITY}/hosts /etc/hosts rw - ext4 x rw
"""
OF_A_NEIGHBOUR = f"""\
88 28 0:55 / /var/lib/docker/containers/{IDENTITY}/mounts/shm rw - tmpfs shm rw
89 28 254:1 /lib/docker/containers/{IDENTITY}/hostname /mnt/hostname rw - ext4 x rw
"""


@pytest.mark.parametrize(("path", "same"), SAME.items())
def test_the_nearest_mount_decides(path: str, same: bool) -> None:
    assert Paths(MOUNTS).same(path) is same


@pytest.mark.parametrize("path", SAME)
def test_outside_of_a_container_every_path_is_the_engines(path: str) -> None:
    assert Paths(None).same(path)
    assert not Paths(None).in_container


@pytest.mark.parametrize(
    ("mounts", "found"), [(OWN, {IDENTITY}), (OF_A_NEIGHBOUR, set()), ("", set())]
)
def test_a_process_knows_its_own_container_by_its_mounts(
    mounts: str, found: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(mounts)
    monkeypatch.setattr(docker_paths, "_MOUNTS", table)
    assert docker_paths.own_containers() == found


@pytest.mark.docker
def test_no_container_is_made_with_a_path_that_is_another_one_for_the_engine(
    real_engine: Engine, docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "patients.csv").write_text("of the machine, not of the node")
    mounts = {str(tmp_path): str(tmp_path), str(data): "/mnt/warehouse"}
    real_engine.runtime._watch.paths = Paths(mounts)
    wrong = Mount(str(data / "patients.csv"), "/data/default.csv", read_only=True)
    with pytest.raises(RunFailure) as raised:
        real_engine.run(real_engine.spec("echo", mounts=(wrong,)))
    assert raised.value.code is Code.INTERNAL
    assert "/" not in raised.value.detail
    assert containers_of(docker_client, real_engine.node) == []
