"""Where a node's images come from, and what is said if they do not."""

import contextlib
import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.runtimes.base import ContainerSpec, Credentials

from tests.node.docker_support import Engine, spec
from tools.rig.process import free_port
from tools.rig.registry import Registry

pytestmark = pytest.mark.docker


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


def failure(real_engine: Engine, wanted: ContainerSpec) -> tuple[Code, bool]:
    with pytest.raises(RunFailure) as error:
        real_engine.runtime.prepare(wanted, lambda: None)
    assert wanted.image.split("/")[0] in error.value.detail
    return error.value.code, error.value.retry


def test_an_absent_image_is_pulled_by_its_digest_and_once(
    real_engine: Engine,
    docker_client: docker.DockerClient,
    registry: Registry,
    pushed: str,
) -> None:
    wanted = replace(
        spec(real_engine.folder, pushed, "nonce"), credentials=as_node(registry)
    )
    allowed: list[int] = []
    real_engine.runtime.prepare(wanted, lambda: allowed.append(1))
    assert pushed in docker_client.images.get(pushed).attrs["RepoDigests"]
    real_engine.runtime.prepare(
        replace(wanted, key=Key(1, 2)), lambda: allowed.append(2)
    )
    assert allowed == [1]
    for each in real_engine.runtime.recover():
        real_engine.runtime.remove(each.handle)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_registry_that_does_not_let_the_node_in_is_not_asked_again(
    password: str | None, real_engine: Engine, pushed: str
) -> None:
    sign_in = Credentials("node", password) if password else None
    wanted = replace(spec(real_engine.folder, pushed, "nonce"), credentials=sign_in)
    assert failure(real_engine, wanted) == (Code.REGISTRY_UNREACHABLE, False)


def test_a_digest_that_the_registry_does_not_have_is_an_unknown_image(
    real_engine: Engine, registry: Registry, pushed: str
) -> None:
    unknown = pushed.split("@")[0] + "@sha256:" + "d" * 64
    wanted = replace(
        spec(real_engine.folder, unknown, "nonce"), credentials=as_node(registry)
    )
    assert failure(real_engine, wanted) == (Code.IMAGE_NOT_FOUND, False)


def test_a_repository_that_the_registry_does_not_have_is_an_unknown_image(
    real_engine: Engine, registry: Registry
) -> None:
    unknown = f"{registry.host}/ptm/nothing@sha256:" + "d" * 64
    wanted = replace(
        spec(real_engine.folder, unknown, "nonce"), credentials=as_node(registry)
    )
    assert failure(real_engine, wanted) == (Code.IMAGE_NOT_FOUND, False)


def test_a_registry_that_is_down_may_be_up_later(real_engine: Engine) -> None:
    absent = f"localhost:{free_port()}/ptm/x@sha256:" + "d" * 64
    wanted = spec(real_engine.folder, absent, "nonce")
    assert failure(real_engine, wanted) == (Code.REGISTRY_UNREACHABLE, True)


def test_what_others_have_signed_in_to_is_not_used(
    real_engine: Engine,
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
    reader = Engine(real_engine.folder, real_engine.image, real_engine.node)
    try:
        wanted = spec(real_engine.folder, pushed, "nonce")
        assert failure(reader, wanted) == (Code.REGISTRY_UNREACHABLE, False)
    finally:
        reader.runtime.close()
