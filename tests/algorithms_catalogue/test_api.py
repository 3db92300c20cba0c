"""Registering, allowing and withdrawing versions by the API."""

import json

import pytest

from apps.algorithms.choices import VersionStatus
from apps.algorithms.models import AlgorithmVersion
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.worlds import MANIFEST, World

VERSIONS = f"{API}/versions/"


def allowed_in(world: World) -> str:
    return f"{API}/collaborations/{world.collaboration.pk}/versions/"


@pytest.fixture
def other(world: World) -> AlgorithmVersion:
    """A registered version that no collaboration allows."""
    return AlgorithmVersion.objects.create(
        algorithm=world.version.algorithm,
        digest="sha256:" + "0" * 64,
        tag="2.0",
        contract="ptm",
        manifest=MANIFEST,
    )


def test_a_manager_allows_an_image_and_disallows_it(
    world: World, other: AlgorithmVersion
) -> None:
    manager, alice = script(world, "manager"), script(world, "alice")
    assert refused(alice.get(f"{VERSIONS}{other.pk}/")) == MISSING
    by_tag = {"image": f"{other.algorithm.repository}:2.0"}
    assert manager.post(allowed_in(world), by_tag).json()["id"] == other.pk
    assert alice.get(f"{VERSIONS}{other.pk}/").status_code == 200
    where = f"{allowed_in(world)}{other.pk}/"
    assert manager.delete(where).status_code == 204
    assert refused(manager.delete(where)) == MISSING
    assert refused(alice.get(f"{VERSIONS}{other.pk}/")) == MISSING


@pytest.mark.parametrize("image", ["registry.test/x:1", "heart/summary", ""])
def test_what_is_not_registered_cannot_be_allowed(world: World, image: str) -> None:
    answer = script(world, "manager").post(allowed_in(world), {"image": image})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["image"]


def test_only_platform_admins_register_withdraw_and_reinstate(world: World) -> None:
    where = f"{VERSIONS}{world.version.pk}/"
    body = {"image": "registry.test/heart/x:1", "manifest": MANIFEST}
    for person in ("manager", "admin0", "alice"):
        client = script(world, person)
        for answer in (
            client.post(VERSIONS, body),
            client.post(f"{where}withdraw/"),
            client.post(f"{where}reinstate/"),
        ):
            assert refused(answer) == DENIED
    world.version.refresh_from_db()
    assert world.version.status == VersionStatus.ACTIVE
    root = script(world, "root")
    assert root.post(f"{where}withdraw/").json()["status"] == "withdrawn"
    sent = script(world, "alice").post(f"{API}/tasks/", world.task_body())
    assert refused(sent) == (422, "image_not_allowed")
    assert root.post(f"{where}reinstate/").json()["status"] == "active"


@pytest.mark.parametrize(
    "text", ["a\\u0000b", "\\ud800"], ids=["NUL", "half of a surrogate pair"]
)
def test_a_manifest_that_no_database_holds_is_refused(world: World, text: str) -> None:
    manifest = {**MANIFEST, "description": "TEXT"}
    body = json.dumps({"image": "registry.test/heart/x:1", "manifest": manifest})
    answer = script(world, "root").post(
        VERSIONS, body.replace("TEXT", text), content_type="application/json"
    )
    assert refused(answer) == (422, "manifest_invalid")


def test_what_a_foreign_collaboration_allows_is_not_told(
    world: World, rival: World
) -> None:
    manager = script(rival, "manager")
    manager.post(allowed_in(rival), {"image": world.version.image})
    seen = f"{VERSIONS}?collaboration="
    mine = script(world, "alice").get(f"{seen}{world.collaboration.pk}")
    assert [row["id"] for row in mine.json()["results"]] == [world.version.pk]
    theirs = script(world, "alice").get(f"{seen}{rival.collaboration.pk}")
    assert theirs.json()["results"] == []
