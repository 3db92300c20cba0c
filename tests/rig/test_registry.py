"""Images go to the registry and come back, for those who have an account."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
import requests
from docker.errors import APIError

from tools.rig.errors import RigError
from tools.rig.process import free_port, port_taken
from tools.rig.registry import ROLES, Registry, configured_port


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry", free_port()) as started:
        yield started


@pytest.mark.docker
def test_a_pushed_image_comes_back_by_its_digest(
    registry: Registry, engine: docker.DockerClient, tiny_image: str
) -> None:
    reference = registry.push(engine, tiny_image, "algorithms/tiny", "1.0")
    assert reference.startswith(f"{registry.host}/algorithms/tiny@sha256:")
    pulled = engine.images.pull(reference, auth_config=registry.auth("node"))
    assert pulled.id == engine.images.get(tiny_image).id
    engine.images.remove(reference)


@pytest.mark.docker
def test_a_push_leaves_no_name_of_the_registry_in_the_engine(
    registry: Registry, engine: docker.DockerClient, tiny_image: str
) -> None:
    registry.push(engine, tiny_image, "algorithms/tiny", "1.0")
    image = engine.images.get(tiny_image)
    assert image.tags == [tiny_image]
    assert not image.attrs["RepoDigests"]


@pytest.mark.docker
def test_a_second_push_gives_the_same_digest(
    registry: Registry, engine: docker.DockerClient, tiny_image: str
) -> None:
    first = registry.push(engine, tiny_image, "algorithms/tiny", "1.0")
    assert registry.push(engine, tiny_image, "algorithms/tiny", "1.0") == first


@pytest.mark.docker
def test_a_wrong_password_may_neither_push_nor_pull(
    registry: Registry, engine: docker.DockerClient, tiny_image: str
) -> None:
    reference = registry.push(engine, tiny_image, "algorithms/tiny", "1.0")
    registry.passwords = dict.fromkeys(ROLES, "wrong")
    with pytest.raises(RigError, match=r"^The registry refused the image: "):
        registry.push(engine, tiny_image, "algorithms/tiny", "1.1")
    with pytest.raises(APIError, match="no basic auth credentials|unauthorized"):
        engine.images.pull(reference, auth_config=registry.auth("node"))


@pytest.mark.docker
def test_an_image_that_the_engine_lacks_is_said(
    registry: Registry, engine: docker.DockerClient
) -> None:
    with pytest.raises(RigError, match=r"^ptm-test/ghost could not be pushed: "):
        registry.push(engine, "ptm-test/ghost", "algorithms/ghost", "1.0")


@pytest.mark.docker
def test_a_restarted_registry_has_its_images_and_accounts(
    tmp_path: Path, engine: docker.DockerClient, tiny_image: str
) -> None:
    with Registry(tmp_path, free_port()) as first:
        name = first.push(engine, tiny_image, "algorithms/tiny", "1.0")
    digest = name.rpartition("@")[2]
    with Registry(tmp_path, free_port()) as second:
        assert second.passwords == first.passwords
        answer = requests.get(
            f"{second.url}/v2/algorithms/tiny/manifests/{digest}",
            auth=("server", second.passwords["server"]),
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
            timeout=10,
        )
    assert answer.status_code == 200
    assert answer.headers["Docker-Content-Digest"] == digest


@pytest.mark.docker
def test_an_image_can_be_deleted_by_its_digest(
    registry: Registry, engine: docker.DockerClient, tiny_image: str
) -> None:
    name = registry.push(engine, tiny_image, "algorithms/tiny", "1.0")
    digest = name.rpartition("@")[2]
    url = f"{registry.url}/v2/algorithms/tiny/manifests/{digest}"
    account = ("server", registry.passwords["server"])
    assert requests.delete(url, auth=account, timeout=10).status_code == 202
    assert requests.get(url, auth=account, timeout=10).status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_an_account_and_a_password_of_its_own(
    registry: Registry, role: str
) -> None:
    others = [registry.passwords[other] for other in ROLES if other != role]
    url = f"{registry.url}/v2/"
    own = (role, registry.passwords[role])
    assert requests.get(url, auth=own, timeout=10).status_code == 200
    for other in others:
        assert requests.get(url, auth=(role, other), timeout=10).status_code == 401
    assert requests.get(url, timeout=10).status_code == 401


def test_the_files_with_secrets_are_for_the_owner_alone(registry: Registry) -> None:
    for name in ("accounts.json", "htpasswd", "config.yml"):
        assert (registry.folder / name).stat().st_mode & 0o777 == 0o600


def test_a_broken_accounts_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('{"publisher": "half a')
    with Registry(tmp_path, free_port()) as registry:
        assert set(registry.passwords) == set(ROLES)


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RigError) as caught:
            Registry(tmp_path / "registry", port).start()
    assert str(caught.value) == (
        f"Port {port} is taken by another program; set PTM_REGISTRY_PORT to a free one."
    )
    assert not (tmp_path / "registry").exists()


def test_the_registry_is_gone_after_its_block(
    tmp_path: Path, ends: Callable[[int], bool]
) -> None:
    with Registry(tmp_path, free_port()) as registry:
        assert port_taken(registry.port)
    assert ends(registry.pid)
    assert not port_taken(registry.port)


def test_the_registry_listens_on_loopback_only(registry: Registry) -> None:
    lines = Path("/proc/net/tcp").read_text().splitlines()
    lines += Path("/proc/net/tcp6").read_text().splitlines()
    local = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    ours = [place for place in local if int(place.split(":")[-1], 16) == registry.port]
    assert ours == [f"0100007F:{registry.port:04X}"]


def test_the_port_is_5050_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PTM_REGISTRY_PORT", raising=False)
    assert configured_port() == 5050
    monkeypatch.setenv("PTM_REGISTRY_PORT", "6060")
    assert configured_port() == 6060


@pytest.mark.parametrize("text", ["", "many", "-1", "0", "65536", "50 50"])
def test_a_port_that_is_none_is_said_in_one_sentence(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTM_REGISTRY_PORT", text)
    with pytest.raises(RigError) as caught:
        configured_port()
    said = f"PTM_REGISTRY_PORT is {text!r}, which is not a port number."
    assert str(caught.value) == said
