"""What a container may do, asked from inside a real one; and where images come from."""

import contextlib
import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import docker
import pytest
from ptm_node.clock import Clock
from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.runtimes.base import (
    ContainerSpec,
    Credentials,
    Exit,
    Handle,
    Mount,
    sandbox_user,
)
from ptm_node.runtimes.docker import DockerRuntime

from tests.node.docker_support import (
    LIMITS,
    MEBIBYTE,
    containers_of,
    output_of,
    own_containers,
    spec,
)
from tools.rig.process import free_port
from tools.rig.registry import Registry

pytestmark = pytest.mark.docker
PATIENCE = 60.0


class Engine:
    """A runtime of a node of its own."""

    def __init__(self, folder: Path, image: str, node: str) -> None:
        self.folder = folder
        self.image = image
        self.node = node
        self.runtime = DockerRuntime(node, Clock())
        ready = Event()
        self.runtime.open(ready.set)
        assert ready.wait(PATIENCE)

    def spec(self, method: str, **more: Any) -> ContainerSpec:
        return spec(self.folder, self.image, method, **more)

    def run(self, wanted: ContainerSpec) -> tuple[Exit, Handle]:
        handle = self.runtime.prepare(wanted, lambda: None)
        self.runtime.start(handle)
        ending = self.runtime.wait(handle, PATIENCE)
        assert ending is not None
        return ending, handle

    def result(self, method: str, **more: Any) -> Any:
        wanted = self.spec(method, **more)
        ending, handle = self.run(wanted)
        with self.runtime.logs(handle) as pieces:
            assert ending.code == 0, b"".join(pieces)
        return json.loads(output_of(wanted))


@pytest.fixture
def engine(
    docker_client: docker.DockerClient, probe_image: str, tmp_path: Path
) -> Iterator[Engine]:
    with own_containers(docker_client) as node:
        engine = Engine(tmp_path, probe_image, node)
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
    assert process["NoNewPrivs"] == "1"
    assert process["Seccomp"] == "2"
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


def test_a_childs_lack_of_memory_is_not_the_containers(engine: Engine) -> None:
    assert engine.result("loses_child") == {"child": -9}


def test_processes_have_a_limit(engine: Engine) -> None:
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
    ending, handle = engine.run(engine.spec("floods_log", megabytes=8))
    assert ending == Exit(0)
    kept = docker_client.api.logs(handle.id)
    assert 0 < len(kept) <= 2 * LIMITS.log
    found = docker_client.api.inspect_container(handle.id)
    assert found["HostConfig"]["LogConfig"]["Config"]["max-file"] == "1"


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
        assert f"size={LIMITS.tmp // 1024}k" in seen["mounts"]["/extra"]["options"]
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


# Images from a registry.


@pytest.fixture
def pushed(docker_client: docker.DockerClient, registry: Registry) -> Iterator[str]:
    """A new image that only the registry has. (The engine remembers by digest what it
    has pulled once, and then does not ask again, not even for a password.)"""
    local = f"ptm-test/new-{secrets.token_hex(4)}:latest"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(local.replace("/", "-")))
    repository, tag = local.split(":")
    docker_client.api.import_image_from_data(
        packed.getvalue(), repository, tag, changes=['CMD ["/nothing"]']
    )
    name = registry.push(docker_client, local, "ptm/new", "1.0")
    docker_client.images.remove(local, force=True)
    yield name
    with contextlib.suppress(docker.errors.ImageNotFound):
        docker_client.images.remove(name, force=True)


def as_node(registry: Registry) -> Credentials:
    return Credentials("node", registry.passwords["node"])


def failure(engine: Engine, wanted: ContainerSpec) -> tuple[Code, bool]:
    with pytest.raises(RunFailure) as error:
        engine.runtime.prepare(wanted, lambda: None)
    assert wanted.image.split("/")[0] in error.value.detail
    return error.value.code, error.value.retry


def test_an_absent_image_is_pulled_by_its_digest_and_once(
    engine: Engine,
    docker_client: docker.DockerClient,
    registry: Registry,
    pushed: str,
) -> None:
    wanted = replace(
        spec(engine.folder, pushed, "nonce"), credentials=as_node(registry)
    )
    allowed: list[int] = []
    engine.runtime.prepare(wanted, lambda: allowed.append(1))
    assert pushed in docker_client.images.get(pushed).attrs["RepoDigests"]
    engine.runtime.prepare(replace(wanted, key=Key(1, 2)), lambda: allowed.append(2))
    assert allowed == [1]
    for each in engine.runtime.recover():
        engine.runtime.remove(each.handle)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_registry_that_does_not_let_the_node_in_is_not_asked_again(
    password: str | None, engine: Engine, pushed: str
) -> None:
    sign_in = Credentials("node", password) if password else None
    wanted = replace(spec(engine.folder, pushed, "nonce"), credentials=sign_in)
    assert failure(engine, wanted) == (Code.REGISTRY_UNREACHABLE, False)


def test_a_digest_that_the_registry_does_not_have_is_an_unknown_image(
    engine: Engine, registry: Registry, pushed: str
) -> None:
    unknown = pushed.split("@")[0] + "@sha256:" + "d" * 64
    wanted = replace(
        spec(engine.folder, unknown, "nonce"), credentials=as_node(registry)
    )
    assert failure(engine, wanted) == (Code.IMAGE_NOT_FOUND, False)


def test_a_repository_that_the_registry_does_not_have_is_an_unknown_image(
    engine: Engine, registry: Registry
) -> None:
    unknown = f"{registry.host}/ptm/nothing@sha256:" + "d" * 64
    wanted = replace(
        spec(engine.folder, unknown, "nonce"), credentials=as_node(registry)
    )
    assert failure(engine, wanted) == (Code.IMAGE_NOT_FOUND, False)


def test_a_registry_that_is_down_may_be_up_later(engine: Engine) -> None:
    absent = f"localhost:{free_port()}/ptm/x@sha256:" + "d" * 64
    wanted = spec(engine.folder, absent, "nonce")
    assert failure(engine, wanted) == (Code.REGISTRY_UNREACHABLE, True)


def test_what_others_have_signed_in_to_is_not_used(
    engine: Engine,
    registry: Registry,
    pushed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The credentials of ~/.docker belong to a person, not to the node."""
    login = {"username": "node", "password": registry.passwords["node"]}
    auths = {registry.host: login}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    reader = Engine(engine.folder, engine.image, engine.node)
    try:
        wanted = spec(engine.folder, pushed, "nonce")
        assert failure(reader, wanted) == (Code.REGISTRY_UNREACHABLE, False)
    finally:
        reader.runtime.close()
