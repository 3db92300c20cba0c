"""The registry is away, or has lost the image, when a site first needs it."""

import contextlib

import requests
from docker.errors import ImageNotFound

from tests.e2e.conftest import MakeNode
from tests.e2e.faults import forget_images, frozen
from tests.e2e.researcher import Researcher, moves
from tests.e2e.site_node import WEST
from tools.rig.platform import Platform


def test_a_run_waits_until_the_registry_is_back(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    forget_images(platform)
    platform.registry.stop()
    try:
        task = researcher.send("nonce", WEST)
        # What is queued after that is queued again.
        run = researcher.until(researcher.changed(task), "queued")
    finally:
        platform.registry.start()
    assert moves(run) == ["claimed", "preparing", "queued"]
    assert run["history"][-1]["reason"] == "registry_unreachable"
    assert node.containers() == []
    run = researcher.ended_run(task)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    assert moves(run)[3:] == ["claimed", "preparing", "running", "completed"]
    assert node.starts(run) == 1


def test_a_registry_that_hangs_holds_up_only_the_runs_that_need_it(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    assert researcher.ended_run(researcher.send("nonce", WEST))["status"] == "completed"
    body = researcher.request(WEST, image="scratch", function="mounted")
    with contextlib.suppress(ImageNotFound):
        platform.engine.images.remove(body["image"])
    with frozen(platform.registry.pid):
        slow = [researcher.api.send_task(body) for _ in range(3)]
        for task in slow[:2]:  # as many as run at once
            researcher.until(task, "preparing")
        for task in [researcher.send("nonce", WEST) for _ in range(3)]:
            researcher.completed_once(task)
        states = [researcher.task(task)["runs"][0]["status"] for task in slow]
        assert states == ["preparing", "preparing", "queued"]
    assert {researcher.ended_run(task)["status"] for task in slow} == {"completed"}
    node.assert_done()


def test_an_image_that_the_registry_has_lost_is_not_tried_again(
    platform: Platform, west: MakeNode, researcher: Researcher
) -> None:
    node = west()
    # The engine keeps what it has pulled once; of this image it has nothing.
    body = researcher.request(WEST, image="gone", function="never")
    lose(platform, body["image"])
    run = researcher.ended_run(researcher.api.send_task(body))
    assert (run["status"], run["code"]) == ("failed", "image_not_found")
    assert platform.registry.host in run["detail"]
    assert moves(run) == ["claimed", "preparing", "failed"]
    assert node.starts(run) == 0
    node.assert_done()


def lose(platform: Platform, image: str) -> None:
    """Delete the image's manifest from the registry."""
    repository, _, digest = image.partition("/")[2].partition("@")
    address = f"{platform.registry.url}/v2/{repository}/manifests/{digest}"
    account = ("publisher", platform.registry.passwords["publisher"])
    requests.delete(address, auth=account, timeout=5).raise_for_status()
