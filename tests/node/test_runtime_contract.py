"""What every runtime promises: the same tests on the fake one and on Docker."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node.clock import Clock
from ptm_node.errors import RunFailure
from ptm_node.messages import Code, Key
from ptm_node.runtimes.base import (
    ContainerSpec,
    Exit,
    Handle,
    Recovered,
    Runtime,
)
from ptm_node.runtimes.docker import DockerRuntime
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside

from tests.node.docker_support import FIRST, output_of, own_containers, spec

PATIENCE = 30.0
ABSENT = "localhost:1/absent@sha256:" + "c" * 64


def fake_probe(inside: Inside) -> Exit | int:
    """The functions of tests/images/probe that the contract needs."""
    call = json.loads(inside.file("/app/input.txt").read_text())
    match call["method"]:
        case "exits_one":
            inside.log("ValueError: Erika Mustermann\n")
            return 1
        case "runs_forever":
            inside.log("waiting\n")
            inside.asked_to_end.wait()
            return 143
        case "ignores_stop":
            inside.log("waiting\n")
            threading.Event().wait(PATIENCE)
    inside.file("/app/output.txt").write_text("{}")
    return 0


class Bench:
    """Runtimes of one engine, as daemons that come and go would have them."""

    def __init__(
        self, folder: Path, image: str, make: Callable[[str], Runtime], node: str
    ) -> None:
        self.folder = folder
        self.node = node
        self._image = image
        self._make = make
        self._open: list[Runtime] = []
        self.runtime = self.connect()

    def connect(self, node: str = "") -> Runtime:
        """Another start of the daemon, or of another node."""
        runtime = self._make(node or self.node)
        ready = threading.Event()
        runtime.open(ready.set)
        self._open.append(runtime)
        assert ready.wait(PATIENCE)
        assert runtime.ready
        return runtime

    def spec(self, method: str, key: Key = FIRST, **arguments: Any) -> ContainerSpec:
        return spec(self.folder, self._image, method, key, **arguments)

    def begin(self, method: str, key: Key = FIRST) -> Handle:
        handle = self.runtime.prepare(self.spec(method, key), never)
        self.runtime.start(handle)
        return handle

    def close(self) -> None:
        cleaner = self.connect()
        for each in cleaner.recover():
            cleaner.remove(each.handle)
        for runtime in self._open:
            runtime.close()


def never() -> None:
    raise AssertionError("the image is there: nothing is to be pulled")


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "fake":
        engine = FakeEngine()
        engine.present["probe"] = fake_probe
        bench = Bench(tmp_path, "probe", lambda node: FakeRuntime(engine, node), "test")
        yield bench
        bench.close()
        return
    client: docker.DockerClient = request.getfixturevalue("docker_client")
    image: str = request.getfixturevalue("probe_image")
    with own_containers(client) as node:
        bench = Bench(tmp_path, image, lambda n: DockerRuntime(n, Clock()), node)
        yield bench
        bench.close()


def ended(bench: Bench, handle: Handle) -> Exit:
    ending = bench.runtime.wait(handle, PATIENCE)
    assert ending is not None
    return ending


def log_of(runtime: Runtime, handle: Handle) -> bytes:
    with runtime.logs(handle) as pieces:
        return b"".join(pieces)


def test_a_container_runs_to_its_end(bench: Bench) -> None:
    wanted = bench.spec("nonce")
    handle = bench.runtime.prepare(wanted, never)
    assert output_of(wanted) == b""
    bench.runtime.start(handle)
    assert ended(bench, handle) == Exit(0)
    assert output_of(wanted) != b""


def test_prepared_is_not_started(bench: Bench) -> None:
    wanted = bench.spec("nonce")
    handle = bench.runtime.prepare(wanted, never)
    assert bench.runtime.wait(handle, 0.2) is None
    sources = frozenset(mount.source for mount in wanted.mounts)
    assert bench.runtime.recover() == [Recovered(handle, False, sources)]


def test_the_exit_status_is_the_containers(bench: Bench) -> None:
    handle = bench.begin("exits_one")
    assert ended(bench, handle) == Exit(1)
    assert ended(bench, handle) == Exit(1), "and may be asked for again"


def test_waiting_has_a_limit(bench: Bench) -> None:
    handle = bench.begin("runs_forever")
    assert bench.runtime.wait(handle, 0.1) is None


def test_a_container_ends_when_it_is_asked_to(bench: Bench) -> None:
    handle = bench.begin("runs_forever")
    wait_for_log(bench, handle)
    bench.runtime.stop(handle, PATIENCE)
    assert ended(bench, handle).code == 143


def test_a_container_ends_even_if_it_does_not_listen(bench: Bench) -> None:
    handle = bench.begin("ignores_stop")
    wait_for_log(bench, handle)
    bench.runtime.stop(handle, 0.0)
    assert ended(bench, handle) == Exit(137)


def wait_for_log(bench: Bench, handle: Handle) -> None:
    """Until the program has said that it waits."""
    with bench.runtime.logs(handle) as pieces:
        assert next(pieces) == b"waiting\n"


def test_stopping_twice_or_too_late_is_no_error(bench: Bench) -> None:
    handle = bench.begin("nonce")
    ended(bench, handle)
    bench.runtime.stop(handle, 0.0)
    bench.runtime.stop(handle, 0.0)
    assert ended(bench, handle) == Exit(0)


def test_removing_leaves_nothing_running_or_not(bench: Bench) -> None:
    running = bench.begin("runs_forever", Key(1, 1))
    prepared = bench.runtime.prepare(bench.spec("nonce", Key(2, 1)), never)
    for handle in (running, prepared):
        bench.runtime.remove(handle)
        bench.runtime.remove(handle)
    assert bench.runtime.recover() == []


def test_waiting_for_what_was_removed_ends(bench: Bench) -> None:
    handle = bench.begin("runs_forever")
    bench.runtime.remove(handle)
    ending = bench.runtime.wait(handle, PATIENCE)
    assert ending is not None
    assert ending.code != 0


def test_an_attempt_cannot_have_two_containers(bench: Bench) -> None:
    wanted = bench.spec("nonce")
    handle = bench.runtime.prepare(wanted, never)
    for runtime in (bench.runtime, bench.connect()):
        with pytest.raises(RunFailure):
            runtime.prepare(wanted, never)
    assert [each.handle for each in bench.runtime.recover()] == [handle]


def test_two_attempts_of_a_run_are_two_containers(bench: Bench) -> None:
    for key in (Key(1, 1), Key(1, 2)):
        bench.begin("nonce", key)
    assert {each.handle.key for each in bench.runtime.recover()} == {(1, 1), (1, 2)}


def test_a_later_life_finds_what_runs_and_waits_for_it(bench: Bench) -> None:
    handle = bench.begin("runs_forever")
    bench.runtime.close()
    later = bench.connect()
    [found] = later.recover()
    assert (found.handle, found.started) == (handle, True)
    assert later.wait(handle, 0.1) is None
    later.stop(handle, 0.0)
    ending = later.wait(handle, PATIENCE)
    assert ending is not None
    assert ending.code in (137, 143)


def test_a_later_life_learns_how_it_ended_meanwhile(bench: Bench) -> None:
    handle = bench.begin("exits_one")
    ended(bench, handle)
    bench.runtime.close()
    later = bench.connect()
    ending = later.wait(handle, PATIENCE)
    assert ending is not None
    assert ending.code == 1


@pytest.mark.docker
@pytest.mark.parametrize("bench", ["docker"], indirect=True)
def test_what_has_just_ended_may_be_listed_as_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Docker 20.10 does for a tenth of a second after the event of the end."""
    listed = docker.APIClient.containers

    def late(client: docker.APIClient, **asked: Any) -> list[dict[str, Any]]:
        return [{**each, "State": "running"} for each in listed(client, **asked)]

    handle = bench.begin("exits_one")
    ended(bench, handle)
    bench.runtime.close()
    monkeypatch.setattr(docker.APIClient, "containers", late)
    assert bench.connect().wait(handle, PATIENCE) == Exit(1, witnessed=False)


def test_a_later_life_learns_that_it_is_gone(bench: Bench) -> None:
    handle = bench.begin("nonce")
    ended(bench, handle)
    bench.runtime.remove(handle)
    later = bench.connect()
    assert later.wait(handle, PATIENCE) == Exit(None, witnessed=False)


def test_another_nodes_containers_are_not_seen(bench: Bench) -> None:
    bench.begin("runs_forever")
    other = bench.connect(f"{bench.node}x")
    assert other.recover() == []


def test_the_log_is_followed_to_its_end(bench: Bench) -> None:
    handle = bench.begin("exits_one")
    assert b"Erika Mustermann" in log_of(bench.runtime, handle)
    ended(bench, handle)
    assert b"Erika Mustermann" in log_of(bench.runtime, handle), "and can be read again"


def test_there_is_no_log_of_what_is_not_there(bench: Bench) -> None:
    with pytest.raises(RunFailure):
        log_of(bench.runtime, Handle(Key(9, 9), "nothing"))


def test_a_missing_image_is_asked_for_only_with_leave(
    bench: Bench, tmp_path: Path
) -> None:
    wanted = spec(tmp_path, ABSENT, "nonce", Key(3, 1))

    def forbidden() -> None:
        raise RunFailure(Code.NODE_STOPPING, "no leave")

    with pytest.raises(RunFailure, match="no leave"):
        bench.runtime.prepare(wanted, forbidden)
    asked = []
    with pytest.raises(RunFailure) as failure:
        bench.runtime.prepare(wanted, lambda: asked.append(1))
    assert asked == [1]
    assert failure.value.code in (Code.IMAGE_NOT_FOUND, Code.REGISTRY_UNREACHABLE)
    assert bench.runtime.recover() == []


def test_closing_ends_every_wait(bench: Bench) -> None:
    handle = bench.begin("runs_forever")
    found: list[Exit | None] = []
    waiting = threading.Thread(
        target=lambda: found.append(bench.runtime.wait(handle, PATIENCE))
    )
    waiting.start()
    bench.runtime.close()
    waiting.join(5)
    assert found == [None]
    assert [each.handle for each in bench.connect().recover()] == [handle]
