"""Algorithm versions: registering, allowing where one manages, withdrawing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.algorithms.models import AlgorithmVersion, AllowedVersion
from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from tests.desk import act, manager_of, shown_to, text
from tests.registry import push_empty_image, running_registry, server_url
from tests.stored import acts, nothing_stored
from tests.worlds import MANIFEST, World
from tools.rig.registry import Registry


@pytest.fixture(scope="module")
def shared_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder: Path = tmp_path_factory.mktemp("registry")
    with running_registry(folder) as registry:
        yield registry


@pytest.fixture
def registry(shared_registry: Registry, settings: LazySettings) -> Registry:
    settings.REGISTRY_URL = server_url(shared_registry)
    return shared_registry


def register(world: World, image: str, **fields: Any) -> Any:
    return act(world.platform_admin, AlgorithmVersion, "add", image=image, **fields)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_platform_admin_registers_what_the_registry_holds(
    world: World, registry: Registry, as_file: bool
) -> None:
    digest = push_empty_image(registry, f"ptm/new{as_file:d}", "1.0")
    manifest = json.dumps(MANIFEST)
    fields: dict[str, Any] = {"manifest": manifest}
    if as_file:
        file = SimpleUploadedFile("manifest.json", manifest.encode())
        fields = {"manifest_file": file}
    answer = register(world, f"{registry.host}/ptm/new{as_file:d}:1.0", **fields)
    assert answer.status_code == 302
    version = AlgorithmVersion.objects.get(digest=digest)
    assert version.manifest == MANIFEST
    assert not version.collaborations.exists()
    assert acts("version.registered", object_id=version.pk) == 1


@pytest.mark.parametrize(
    ("image", "manifest", "said"),
    [
        ("{host}/ptm/none:1", json.dumps(MANIFEST), "The registry has no such image."),
        ("elsewhere.test/x:1", json.dumps(MANIFEST), "not in this platform"),
        ("not an image", json.dumps(MANIFEST), "Write an image as"),
        ("{host}/ptm/none:1", "{nope", "This is not JSON"),
        ("{host}/ptm/none:1", "", "This is not JSON"),
        ("{host}/ptm/none:1", "[]", "is not of type"),
        ("{host}/ptm/none:1", "[" * 20_000, "This is not JSON"),
        ("{host}/ptm/none:1", '{"name": NaN}', "not plain JSON"),
        ("", json.dumps(MANIFEST), "This field is required."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_registered(
    world: World, registry: Registry, image: str, manifest: str, said: str
) -> None:
    before = AlgorithmVersion.objects.count()
    answer = register(world, image.format(host=registry.host), manifest=manifest)
    assert answer.status_code == 422
    assert said in re.sub(r"&#x27;", "'", text(answer))
    assert AlgorithmVersion.objects.count() == before


def test_a_silent_registry_is_our_fault_and_said_so(
    world: World, settings: LazySettings
) -> None:
    settings.REGISTRY_URL = "http://127.0.0.1:9"
    manifest = json.dumps(MANIFEST)
    answer = register(world, "127.0.0.1:9/ptm/x:1", manifest=manifest)
    assert answer.status_code == 422
    assert "The registry does not answer at the moment" in text(answer)


def other_version(world: World) -> AlgorithmVersion:
    """Registered, and allowed nowhere."""
    return AlgorithmVersion.objects.create(
        algorithm=world.version.algorithm,
        digest="sha256:" + "ab" * 32,
        tag="2.0",
        contract="ptm",
        manifest=MANIFEST,
    )


def allow(world: World, image: str, **fields: Any) -> Any:
    data = {"image": image, "collaboration": world.collaboration.pk, **fields}
    return act(manager_of(world), AlgorithmVersion, "allow-image", **data)


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_a_manager_allows_a_registered_image_by_its_name(world: World, by: str) -> None:
    version = other_version(world)
    repository = version.algorithm.repository
    names = {"digest": version.image, "tag": f"{repository}:2.0"}
    assert allow(world, names[by]).status_code == 302
    assert world.collaboration in version.collaborations.all()
    assert (
        acts(
            "version.allowed",
            object_id=version.pk,
            collaboration_id=world.collaboration.pk,
        )
        == 1
    )


def test_an_unknown_or_withdrawn_image_is_not_allowed(world: World) -> None:
    version = other_version(world)
    withdraw_version(version=version, actor=SYSTEM)
    with nothing_stored(told=2):
        for image in (version.image, "registry.test/none:1", "no image"):
            assert allow(world, image).status_code == 422, image
    assert not version.collaborations.exists()


def test_nobody_allows_in_a_foreign_collaboration(world: World, rival: World) -> None:
    version = other_version(world)
    where = {"image": version.image, "collaboration": rival.collaboration.pk}
    with nothing_stored():
        manager, admin = manager_of(world), world.people["admin0"]
        assert act(manager, AlgorithmVersion, "allow-image", **where).status_code == 422
        assert act(admin, AlgorithmVersion, "allow-image", **where).status_code == 404
        assert act(admin, world.version, "allow", **where).status_code == 404
        assert act(admin, world.version, "disallow", **where).status_code == 404
    assert not AllowedVersion.objects.filter(version=version).exists()


def test_a_manager_no_longer_allows_a_version(world: World) -> None:
    where = {"collaboration": world.collaboration.pk}
    answer = act(manager_of(world), world.version, "disallow", **where)
    assert answer.status_code == 302
    assert not world.version.collaborations.exists()
    refused = world.person("alice").post(
        "/api/v1/tasks/", world.task_body(), format="json"
    )
    assert refused.status_code == 422
    assert acts("version.disallowed", object_id=world.version.pk) == 1
    gone = act(manager_of(world), world.version, "disallow", **where)
    assert gone.status_code == 404


def test_withdrawing_and_reinstating_are_the_platform_admins(world: World) -> None:
    version = world.version
    for user in (manager_of(world), world.people["admin0"]):
        assert act(user, version, "withdraw").status_code == 404
    assert act(world.platform_admin, version, "reinstate").status_code == 404
    assert act(world.platform_admin, version, "withdraw").status_code == 302
    version.refresh_from_db()
    assert version.status == "withdrawn"
    assert act(world.platform_admin, version, "withdraw").status_code == 404
    assert act(manager_of(world), version, "allow").status_code == 404
    assert act(world.platform_admin, version, "reinstate").status_code == 302
    version.refresh_from_db()
    assert version.status == "active"
    assert acts("version.withdrawn", object_id=version.pk) == 1
    assert acts("version.reinstated", object_id=version.pk) == 1


def test_only_a_platform_admin_registers(world: World) -> None:
    fields = {"image": world.version.image, "manifest": json.dumps(MANIFEST)}
    for user in (manager_of(world), world.people["admin0"]):
        assert act(user, AlgorithmVersion, "add", **fields).status_code == 404


def test_a_version_shows_its_manifest_and_only_ones_own_collaborations(
    world: World, rival: World
) -> None:
    AllowedVersion.objects.create(
        version=world.version, collaboration=rival.collaboration
    )
    page = shown_to(manager_of(world), world.version)
    assert "Counts, means and variances." in page
    assert world.collaboration.name in page
    assert rival.collaboration.name not in page
