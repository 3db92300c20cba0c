"""What a container may do, asked from inside a real one, by each OCI runtime."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from ptm_node.errors import RunFailure
from ptm_node.messages import Code
from ptm_node.runtimes.base import (
    Exit,
    Mount,
    sandbox_user,
)
from ptm_node.runtimes.docker import _killed_as_it_began

from tests.node.docker_support import (
    LIMITS,
    MEBIBYTE,
    RUNTIMES,
    Engine,
    containers_of,
    output_of,
    own_containers,
)

pytestmark = pytest.mark.docker


@pytest.fixture(params=RUNTIMES)
def engine(
    request: pytest.FixtureRequest,
    docker_client: docker.DockerClient,
    probe_image: str,
    tmp_path: Path,
) -> Iterator[Engine]:
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path, probe_image, node, request.param)
        yield engine
        engine.runtime.close()


def test_a_container_has_no_rights_and_sees_only_what_it_was_given(
    engine: Engine, tmp_path: Path
) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("age\n50\n")
    mount = Mount(str(table), "/data/default.csv", read_only=True)
    seen = engine.result(
        "echo",
        mounts=(mount,),
        environment={"DATABASE_URI": "/data/default.csv"},
    )
    assert (seen["uid"], seen["gid"]) == sandbox_user()
    assert set(seen["groups"]) <= {seen["gid"]}
    process = seen["process"]
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0
    if engine.oci_runtime == "runc":  # gVisor's own kernel has neither
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    assert seen["interfaces"] == ["lo"]
    writable = {place for place, may in seen["writable"].items() if may}
    assert writable == {"/tmp", "/app/output.txt"}  # noqa: S108
    assert seen["databases"]["/data/default.csv"]["bytes"] == 7
    assert seen["folders"]["/data"] == ["default.csv"]
    binds = {path for path in seen["mounts"] if path.startswith(("/app", "/data"))}
    assert binds == {
        "/app/input.txt",
        "/app/output.txt",
        "/app/token.txt",
        "/data/default.csv",
    }


def test_the_network_does_not_exist(engine: Engine) -> None:
    tried = engine.result("tries_network")
    assert tried["reached"] == []
    assert len(tried["attempts"]) >= 4


def test_memory_has_a_limit(engine: Engine) -> None:
    ending, _ = engine.run(engine.spec("eats_memory"))
    assert ending == Exit(137, out_of_memory=True)


@pytest.mark.parametrize("engine", ["late"], indirect=True)
def test_a_lack_of_memory_that_the_engine_had_no_time_to_see_is_known(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    ending, handle = engine.run(engine.spec("eats_memory"))
    assert ending == Exit(137, out_of_memory=True)
    found = docker_client.api.inspect_container(handle.id)
    assert not found["State"]["OOMKilled"]


@pytest.mark.parametrize(
    ("code", "ended", "known"),
    [
        (137, "15.99", True),
        (137, "16.03", True),
        (137, "17.5", False),
        (1, "16", False),
    ],
)
def test_who_is_killed_about_when_it_began_had_no_memory(
    code: int, ended: str, known: bool
) -> None:
    began = "2026-01-02T03:04:16.0000001Z"
    ends = f"2026-01-02T03:04:{ended}Z"
    state = {"ExitCode": code, "StartedAt": began, "FinishedAt": ends}
    assert _killed_as_it_began(state) is known


@pytest.mark.parametrize("engine", ["late"], indirect=True)
def test_an_early_end_of_its_own_is_no_lack_of_memory(engine: Engine) -> None:
    ending, _ = engine.run(engine.spec("exits_one"))
    assert ending == Exit(1)


def test_a_childs_lack_of_memory_is_not_the_containers(engine: Engine) -> None:
    if engine.oci_runtime == "runsc":  # one process of the host, which ends as a whole
        ending, _ = engine.run(engine.spec("loses_child"))
        assert ending.out_of_memory
        return
    assert engine.result("loses_child") == {"child": -9}


def test_processes_have_a_limit(engine: Engine) -> None:
    if engine.oci_runtime == "runsc":  # whose limit is that of its kernel's threads
        ending, _ = engine.run(engine.spec("forks"))
        assert ending.code not in (0, None)
        return
    counted = engine.result("forks")
    assert 0 < counted["processes"] < LIMITS.pids
    assert counted["refused"] == "EAGAIN"


def test_the_temporary_folder_has_a_limit(engine: Engine) -> None:
    limits = replace(LIMITS, file_size=64 * MEBIBYTE)
    filled = engine.result("fills_tmp", limits=limits)
    assert filled == {"bytes": LIMITS.tmp, "refused": "ENOSPC"}


@pytest.mark.parametrize("quiet", [True, False])
def test_the_output_has_a_limit(quiet: bool, engine: Engine) -> None:
    wanted = engine.spec("floods_output", quiet=quiet)
    ending, _ = engine.run(wanted)
    assert ending.code == (0 if quiet else 1)
    assert len(output_of(wanted)) == LIMITS.file_size


def test_the_log_has_a_limit_on_disk(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    ending, handle = engine.run(engine.spec("floods_log", megabytes=20))
    assert ending == Exit(0)
    kept = docker_client.api.logs(handle.id)
    # What is kept of it, and how far Docker lets a container be ahead of its reader.
    assert 0 < len(kept) <= 2 * LIMITS.log + (8 << 20)
    found = docker_client.api.inspect_container(handle.id)
    assert found["HostConfig"]["LogConfig"]["Config"]["max-file"] == "1"


def test_what_docker_says_of_a_log_is_not_in_it(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    _, handle = engine.run(engine.spec("exits_one"))
    found = docker_client.api.inspect_container(handle.id)
    with Path(found["LogPath"]).open("a") as file:
        file.write('{"log":"cut sho')
    with engine.runtime.logs(handle) as pieces:
        assert b"Erika Mustermann" in next(pieces)
        with pytest.raises(RunFailure, match="grabbing logs"):
            list(pieces)


def test_a_volume_of_the_image_is_small_and_leaves_nothing(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    dockerfile = f"FROM {engine.image}\nVOLUME /extra\n".encode()
    built, _ = docker_client.images.build(fileobj=io.BytesIO(dockerfile), rm=True)
    try:
        before = {each.id for each in docker_client.volumes.list()}
        engine.image = str(built.id)
        seen = engine.result("echo")
        assert seen["mounts"]["/extra"]["type"] == "tmpfs"
        options = seen["mounts"]["/extra"]["options"].split(",")
        sizes = {f"size={LIMITS.tmp // 1024}k", f"size={LIMITS.tmp}"}
        assert sizes & set(options)
        (left,) = engine.runtime.recover()
        engine.runtime.remove(left.handle)
        assert {each.id for each in docker_client.volumes.list()} <= before
    finally:
        docker_client.images.remove(str(built.id), force=True)


def test_a_command_that_cannot_be_started_is_the_images_fault(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    dockerfile = f'FROM {engine.image}\nCMD ["/no/such/program"]\n'.encode()
    built, _ = docker_client.images.build(fileobj=io.BytesIO(dockerfile), rm=True)
    try:
        engine.image = str(built.id)
        try:
            # With init the engine starts that, which then does not find the program.
            ending, _ = engine.run(engine.spec("echo"))
            assert ending.code in (126, 127)
        except RunFailure as failure:
            assert failure.code is Code.EXIT_NONZERO  # noqa: PT017
    finally:
        for each in engine.runtime.recover():
            engine.runtime.remove(each.handle)
        docker_client.images.remove(str(built.id), force=True)


def test_a_container_that_only_wears_the_label_is_left_alone(
    engine: Engine, docker_client: docker.DockerClient
) -> None:
    labels = {"ptm.node": engine.node, "ptm.run": "1", "ptm.attempt": "1"}
    docker_client.containers.create(engine.image, labels=labels)
    docker_client.containers.create(engine.image, labels={"ptm.node": engine.node})
    assert len(containers_of(docker_client, engine.node)) == 2
    assert engine.runtime.recover() == []
