"""The daemon cleans by itself: once a day, and each hour while a disk is short."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import docker
import pytest
from ptm_node import cleaning, config
from ptm_node.audit import Audit
from ptm_node.cleaning import Cleaner
from ptm_node.clock import Clock
from ptm_node.messages import Key
from ptm_node.runtimes.docker import DockerRuntime

from tests.node.fake_server import FakeServer
from tests.node.harness import eventually, write_config
from tests.node.process import DaemonProcess
from tests.node.test_cli_life import kept, runtime, site  # noqa: F401 (fixtures)

pytestmark = pytest.mark.docker
HOUR, DAY = 3600.0, 86400.0


class SetClock(Clock):
    """Shows what the test says."""

    at = time.time()

    def now(self) -> float:
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def cleaner(
    site: Path,  # noqa: F811
    runtime: DockerRuntime,  # noqa: F811
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Cleaner:
    monkeypatch.setattr(cleaning, "_LITTLE", 0)
    return Cleaner(config.load(site / "node.toml"), runtime, clock)


@pytest.fixture
def old_log(site: Path) -> Callable[[float], Path]:  # noqa: F811
    def make(days: float) -> Path:
        path = kept(site / "state", Key(9, 1), b"log")
        then = time.time() - days * DAY
        os.utime(path, (then, then))
        return path

    return make


def test_once_a_day(
    cleaner: Cleaner, clock: SetClock, old_log: Callable[[float], Path]
) -> None:
    log = old_log(31)
    cleaner.look()
    assert not log.exists()
    log = old_log(31)
    clock.at += DAY - 60
    cleaner.look()
    assert log.exists(), "it is not a day"
    clock.at += 120
    cleaner.look()
    assert not log.exists()


def test_a_clock_that_was_wrong_puts_nothing_off(
    cleaner: Cleaner, clock: SetClock, old_log: Callable[[float], Path]
) -> None:
    clock.at += 1000 * DAY
    cleaner.look()
    clock.at -= 1000 * DAY
    log = old_log(31)
    cleaner.look()
    assert not log.exists()


def test_each_hour_and_younger_things_too_while_the_disk_is_short(
    cleaner: Cleaner,
    clock: SetClock,
    old_log: Callable[[float], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = old_log(2)
    cleaner.look()
    assert log.exists(), "there is room"
    monkeypatch.setattr(cleaning, "_LITTLE", 1 << 60)
    clock.at += HOUR / 2
    cleaner.look()
    assert log.exists(), "it is not an hour"
    clock.at += HOUR
    cleaner.look()
    assert not log.exists()
    assert "little room is left" in caplog.text


@pytest.fixture
def unused_image(
    site: Path,  # noqa: F811
    docker_client: docker.DockerClient,
    probe_image: str,
) -> Iterator[str]:
    """It ran here two days ago."""
    name = f"ptm-test/cleaning-{os.getpid()}:1"
    api = docker_client.api
    container = api.create_container(probe_image, ["true"])
    repository, _, tag = name.partition(":")
    api.commit(container, repository, tag, changes=[f"LABEL of={name}"])
    api.remove_container(container)
    then = datetime.fromtimestamp(time.time() - 2 * DAY, UTC).isoformat()
    audit = Audit(site / "state" / "audit.sqlite3")
    audit.record("run.accepted", at=then, run=1, attempt=1, image=name)
    audit.close()
    yield name
    for image in docker_client.images.list(name=repository):
        docker_client.images.remove(image.tags[0])


def test_on_a_short_disk_an_unused_image_goes_whatever_the_bound(
    cleaner: Cleaner,
    clock: SetClock,
    unused_image: str,
    docker_client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cleaner.look()
    assert docker_client.images.list(name=unused_image.partition(":")[0])
    clock.at += 2 * HOUR
    monkeypatch.setattr(cleaning, "_LITTLE", 1 << 60)
    cleaner.look()
    assert not docker_client.images.list(name=unused_image.partition(":")[0])


def test_images_stay_within_their_bound_however_young_they_are(
    site: Path,  # noqa: F811
    runtime: DockerRuntime,  # noqa: F811
    clock: SetClock,
    unused_image: str,
    docker_client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cleaning, "_LITTLE", 0)
    write_config(site, "http://127.0.0.1:9", limits={"image_cache": "1k"})
    Cleaner(config.load(site / "node.toml"), runtime, clock).look()
    assert not docker_client.images.list(name=unused_image.partition(":")[0])


def test_an_engine_that_is_away_is_no_error(
    site: Path,  # noqa: F811
    old_log: Callable[[float], Path],
    clock: SetClock,
) -> None:
    log = old_log(31)
    never_opened = DockerRuntime("nobody", clock)
    Cleaner(config.load(site / "node.toml"), never_opened, clock).look()
    assert log.exists(), "it is tried again, so nothing was noted"


def test_the_daemon_does_it(
    server: FakeServer, tmp_path: Path, old_log: Callable[[float], Path]
) -> None:
    log = old_log(31)
    with DaemonProcess(tmp_path, server) as daemon:
        eventually(lambda: not log.exists())
        daemon.terminate()
        assert daemon.ended() == 0
