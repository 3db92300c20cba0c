"""Images: references, tags resolved at a real registry, and a registry that is away."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from apps.algorithms.images import ImageReference
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.registry import resolve_digest
from apps.algorithms.services import allow_version, register_version
from apps.audit.actors import SYSTEM
from apps.errors import Invalid, Refusal
from tests.registry import push_empty_image, running_registry, server_url
from tests.stored import acts, nothing_stored
from tests.worlds import MANIFEST, World
from tools.rig.process import free_port
from tools.rig.registry import Registry

DIGEST = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def digest(registry: Registry, settings: LazySettings) -> str:
    """An image in the registry that the server is configured for."""
    settings.REGISTRY_URL = server_url(registry)
    return push_empty_image(registry, "ptm/summary", "1.0")


def send(world: World, image: str) -> Any:
    return world.person("alice").post("/api/v1/tasks/", world.task_body(image=image))


def allowed(world: World, registry: Registry) -> AlgorithmVersion:
    image = f"{registry.host}/ptm/summary:1.0"
    version = register_version(image=image, manifest=MANIFEST, actor=SYSTEM)
    allow_version(version=version, collaboration=world.collaboration, actor=SYSTEM)
    return version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host/a:1", ("host", "a", "1", None)),
        ("host:5000/a/b_c/d-e:v1.0_x-2", ("host:5000", "a/b_c/d-e", "v1.0_x-2", None)),
        (f"host/a@{DIGEST}", ("host", "a", None, DIGEST)),
        (f"host/a:1@{DIGEST}", ("host", "a", "1", DIGEST)),
        ("host/a", ("host", "a", None, None)),
    ],
)
def test_references_are_read(text: str, expected: tuple[str | None, ...]) -> None:
    found = ImageReference.parse(text)
    assert (found.host, found.path, found.tag, found.digest) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "summary",
        "host/",
        "/a:1",
        "host/A:1",
        "host/a:",
        "host/a:1@",
        "host/a@sha256:" + "a" * 63,
        "host/a@sha256:" + "A" * 64,
        "host/a@sha512:" + "a" * 128,
        "host/../a",
        "host//a",
        "host/a b",
        "host/a:1\n",
        "http://host/a:1",
        "user:pw@host/a",
        "host:999999/a",
        "host/" + "a" * 600,
        "host/a:" + "t" * 129,
        "höst/a",
        "host/a?x=1",
    ],
)
def test_anything_else_is_refused(world: World, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        ImageReference.parse(text)
    assert refused.value.code == "image_invalid"
    world.person("alice")
    with nothing_stored():
        assert send(world, text).status_code == 422


def test_a_long_reference_is_refused_quickly() -> None:
    worker = threading.Thread(
        target=lambda: pytest.raises(Invalid, ImageReference.parse, "h/" + "a-" * 249),
        daemon=True,
    )
    worker.start()
    worker.join(timeout=5)
    assert not worker.is_alive()


def test_a_tag_becomes_the_digest_that_the_registry_holds(
    world: World, registry: Registry, digest: str
) -> None:
    version = allowed(world, registry)
    assert version.digest == digest
    answer = send(world, f"{registry.host}/ptm/summary:1.0")
    assert answer.status_code == 201
    assert answer.json()["image"] == f"{registry.host}/ptm/summary@{digest}"


def test_a_tag_that_moved_to_another_image_is_not_allowed(
    world: World, registry: Registry, digest: str
) -> None:
    allowed(world, registry)
    moved = push_empty_image(registry, "ptm/summary", "other")
    assert moved != digest
    world.person("alice")
    with nothing_stored():
        answer = send(world, f"{registry.host}/ptm/summary:other")
    assert (answer.status_code, answer.json()["code"]) == (422, "image_not_allowed")


def test_a_tag_that_the_registry_lacks_is_not_found(
    world: World, registry: Registry, digest: str
) -> None:
    allowed(world, registry)
    world.person("alice")
    with nothing_stored():
        for image in ("ptm/summary:9.9", "ptm/summary"):  # nothing means latest
            answer = send(world, f"{registry.host}/{image}")
            assert (answer.status_code, answer.json()["code"]) == (
                422,
                "image_not_found",
            )
            assert list(answer.json()["errors"]) == ["image"]


def test_only_this_platforms_registry_is_asked(digest: str) -> None:
    elsewhere = ImageReference.parse("127.0.0.1:9/ptm/summary:1.0")
    with pytest.raises(Invalid, match="not in this platform's registry"):
        resolve_digest(elsewhere)


def test_a_registry_that_is_down_is_our_trouble_not_the_senders(
    world: World, registry: Registry, digest: str, settings: LazySettings
) -> None:
    version = allowed(world, registry)
    host = f"127.0.0.1:{free_port()}"
    settings.REGISTRY_URL = f"http://{host}"
    version.algorithm.repository = f"{host}/ptm/summary"
    version.algorithm.save()
    world.person("alice")
    with nothing_stored():
        answer = send(world, f"{host}/ptm/summary:1.0")
    assert (answer.status_code, answer.json()["code"]) == (503, "registry_unreachable")
    pinned = send(world, f"{host}/ptm/summary@{digest}")
    assert pinned.status_code == 201  # a digest needs no registry


def test_a_registry_that_refuses_our_account_is_unreachable(
    registry: Registry, digest: str, settings: LazySettings
) -> None:
    for url in (f"http://server:wrong@{registry.host}", f"http://{registry.host}"):
        settings.REGISTRY_URL = url
        with pytest.raises(Refusal) as refused:
            resolve_digest(ImageReference.parse(f"{registry.host}/ptm/summary:1.0"))
        assert (refused.value.code, refused.value.status) == (
            "registry_unreachable",
            503,
        )


def test_an_answer_that_is_no_registrys_is_unreachable(settings: LazySettings) -> None:
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: md5:1\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"garbage\r\n\r\n",
        b"",
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        settings.REGISTRY_URL = f"http://{host}"

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        for _ in answers:
            with pytest.raises(Refusal) as refused:
                resolve_digest(ImageReference.parse(f"{host}/ptm/summary:1.0"))
            assert refused.value.code == "registry_unreachable"
        server.join(timeout=5)


def test_registering_twice_pins_once(
    world: World, registry: Registry, digest: str
) -> None:
    first = allowed(world, registry)
    again = register_version(
        image=f"{registry.host}/ptm/summary@{digest}", manifest=MANIFEST, actor=SYSTEM
    )
    assert again == first
    assert acts("version.registered", object_id=first.pk) == 1
