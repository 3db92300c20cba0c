"""Real daemons, real containers: what happens when either of them dies."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest
from ptm_node.config import key_prefix
from ptm_node.journal import Phase

from tests.node.command import ptm_node
from tests.node.docker_support import containers_of, remove_containers
from tests.node.fake_protocol import KEY
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import eventually
from tests.node.process import DaemonProcess
from tests.node.unix_proxy import UnixProxy
from tools.rig.registry import Registry

pytestmark = pytest.mark.docker
PATIENCE = 40.0
Start = Callable[..., DaemonProcess]


class Site:
    """A folder of a node, the engine, and an image that does what it is told."""

    def __init__(
        self, folder: Path, server: FakeServer, client: docker.DockerClient, image: str
    ) -> None:
        self.folder = folder
        self.server = server
        self.client = client
        self.image = image
        self.stack = ExitStack()

    def start(
        self, environment: dict[str, str] | None = None, **sections: Any
    ) -> DaemonProcess:
        host = self.image.split("/")[0]
        policy = {"images": [f"{host}/ptm/*"], **sections.pop("policy", {})}
        sections = {**sections, "policy": policy}
        daemon = DaemonProcess(self.folder, self.server, environment, **sections)
        return self.stack.enter_context(daemon)

    def send(self, method: str, **arguments: Any) -> Run:
        call = json.dumps({"method": method, "kwargs": arguments})
        return self.server.add_run(self.image, input=call.encode())

    def containers(self) -> list[Any]:
        return containers_of(self.client, key_prefix(KEY))

    def wait_until_clean(self, daemon: DaemonProcess) -> None:
        eventually(lambda: not daemon.files() and not daemon.journal(), PATIENCE)
        eventually(lambda: not self.containers(), PATIENCE)

    def wait(self, run: Run, *statuses: str) -> None:
        self.server.wait_status(run, *statuses, seconds=PATIENCE)


@pytest.fixture(scope="module")
def image(
    docker_client: docker.DockerClient, registry: Registry, probe_image: str
) -> Iterator[str]:
    """The probe, by the digest that a registry gave it; the engine has it already."""
    name = registry.push(docker_client, probe_image, "ptm/probe", "1.0")
    docker_client.api.pull(name, auth_config=registry.auth("node"))
    yield name
    docker_client.images.remove(name, force=True)


@pytest.fixture
def site(
    tmp_path: Path,
    server: FakeServer,
    docker_client: docker.DockerClient,
    image: str,
) -> Iterator[Site]:
    site = Site(tmp_path, server, docker_client, image)
    with site.stack:
        yield site
    remove_containers(docker_client, key_prefix(KEY))


def nonce_of(run: Run) -> str:
    assert run.result is not None
    return str(json.loads(run.result)["nonce"])


def test_a_run_from_claim_to_result(site: Site) -> None:
    daemon = site.start(policy={"share_log": True})
    run = site.send("nonce", seconds=0.5)
    site.wait(run, "completed")
    assert run.history == ["claimed", "preparing", "running", "completed"]
    assert len(nonce_of(run)) == 32
    site.server.wait(lambda: b"s to go" in run.log)
    site.wait_until_clean(daemon)


FAILURES = {
    "exits_one": ("exit_nonzero", "exit status 1"),
    "silent": ("output_missing", "the algorithm wrote no output"),
    "floods_output": ("output_too_large", "the output is larger than 1.0 MB"),
    "eats_memory": ("out_of_memory", "out of memory at 64.0 MB"),
    "ignores_stop": ("timed_out", "stopped after 2 seconds"),
}


def test_what_goes_wrong_inside_is_told_without_what_was_seen_there(
    site: Site,
) -> None:
    limits = {"output": "1m", "memory": "64m", "time": "2s", "stop_grace": "0s"}
    daemon = site.start(limits={**limits, "concurrent_runs": 5})
    runs = {method: site.send(method) for method in FAILURES}
    for method, run in runs.items():
        site.wait(run, "failed")
        assert (run.code, run.detail) == FAILURES[method]
    site.wait_until_clean(daemon)
    # The log with a patient's name in it is at the site, and nowhere else.
    assert b"Erika" in (daemon.state / "logs" / "1-1.log").read_bytes()
    assert "Erika" not in daemon.log.read_text()
    assert not any(run.log for run in runs.values())


def test_an_endless_log_costs_its_bound_and_no_more(site: Site) -> None:
    daemon = site.start(limits={"log": "64k"}, policy={"share_log": True})
    run = site.send("floods_log", megabytes=8)
    site.wait(run, "completed")
    site.wait_until_clean(daemon)
    assert (daemon.state / "logs" / "1-1.log").stat().st_size == 64 << 10
    site.server.wait(lambda: len(run.log) == 64 << 10)


def test_a_cancel_ends_the_container(site: Site) -> None:
    daemon = site.start()
    run = site.send("runs_forever")
    site.wait(run, "running")
    site.server.cancel(run)
    site.wait(run, "cancelled")
    site.wait_until_clean(daemon)


def test_killed_after_the_claim(site: Site) -> None:
    unconfirmed = site.server.fail("POST .*/report/", "hang")
    daemon = site.start()
    run = site.send("nonce")
    site.server.wait(lambda: unconfirmed.met)
    daemon.kill()
    assert [row.phase for row in daemon.journal()] == [Phase.CLAIMED]
    again = site.start()
    site.wait(run, "completed")
    assert run.attempt == 1
    site.wait_until_clean(again)


@pytest.mark.parametrize("ends_meanwhile", [False, True])
def test_killed_while_the_container_runs(ends_meanwhile: bool, site: Site) -> None:
    daemon = site.start()
    run = site.send("nonce", seconds=2.0)
    site.wait(run, "running")
    (container,) = site.containers()
    daemon.kill()
    if ends_meanwhile:
        container.wait()
    again = site.start()
    site.wait(run, "completed")
    assert len(nonce_of(run)) == 32
    assert site.server.count("/report/") == reports_of(run), "it was not begun again"
    site.wait_until_clean(again)


def reports_of(run: Run) -> int:
    """`preparing` and `running`; the second daemon may have had to repeat neither."""
    return len([each for each in run.history if each in ("preparing", "running")])


def test_killed_after_the_exit_before_the_upload(site: Site) -> None:
    unsent = site.server.fail("POST .*/result/", "hang")
    daemon = site.start()
    run = site.send("nonce")
    site.server.wait(lambda: unsent.met, PATIENCE)
    daemon.kill()
    (row,) = daemon.journal()
    spooled = (daemon.state / "spool" / "1-1").read_bytes()
    assert row.phase is Phase.SPOOLED
    again = site.start()
    site.wait(run, "completed")
    assert run.result == spooled
    site.wait_until_clean(again)


def test_killed_after_the_upload_before_its_answer(site: Site) -> None:
    unheard = site.server.fail("POST .*/result/", "stall")
    daemon = site.start()
    run = site.send("nonce")
    site.wait(run, "completed")
    assert unheard.met
    before = nonce_of(run)
    daemon.kill()
    assert [row.phase for row in daemon.journal()] == [Phase.SPOOLED]
    again = site.start()
    site.wait_until_clean(again)
    assert (run.history.count("completed"), nonce_of(run)) == (1, before)


def test_sigterm_lets_what_runs_end(site: Site) -> None:
    daemon = site.start()
    run = site.send("nonce", seconds=1.0)
    site.wait(run, "running")
    daemon.terminate()
    assert daemon.ended() == 0
    assert run.status == "completed"
    assert site.server.goodbyes == 1
    assert not site.containers()


def test_a_second_sigterm_leaves_the_container_to_the_next_start(site: Site) -> None:
    daemon = site.start()
    run = site.send("nonce", seconds=3.0)
    site.wait(run, "running")
    (container,) = site.containers()
    daemon.terminate()
    eventually(lambda: "draining" in daemon.log.read_text())
    daemon.terminate()
    assert daemon.ended() == 0
    container.reload()
    assert container.status == "running"
    again = site.start()
    site.wait(run, "completed")
    site.wait_until_clean(again)


def test_stop_now_leaves_the_container_and_gives_back_what_has_none(
    site: Site,
) -> None:
    unconfirmed = site.server.fail("POST .*/runs/2/report/", "503", times=1000)
    daemon = site.start(limits={"concurrent_runs": 2})
    run = site.send("nonce", seconds=5.0)
    site.wait(run, "running")
    (container,) = site.containers()
    container.pause()  # it runs as long as the daemon needs to end
    waiting = site.send("nonce")
    site.server.wait(lambda: unconfirmed.met)
    assert site.containers() == [container]
    done = ptm_node("stop", "--now", "--config", str(daemon.config))
    assert (done.returncode, done.stdout) == (0, "The daemon has ended.\n")
    assert daemon.ended() == 0
    container.reload()
    assert (container.status, run.status) == ("paused", "running")
    container.unpause()
    unconfirmed.times = 0
    again = site.start()
    site.wait(run, "completed")
    site.wait(waiting, "queued", "completed")
    site.wait_until_clean(again)
    assert run.history.count("running") == 1


def test_without_an_engine_nothing_is_claimed(site: Site, tmp_path: Path) -> None:
    proxy = UnixProxy(tmp_path / "docker.sock")
    daemon = site.start({"DOCKER_HOST": proxy.address})
    site.server.wait(lambda: site.server.claims)
    run = site.send("nonce")
    site.server.wait(lambda: len(site.server.claims) >= 2)
    assert {claim["capacity"] for claim in site.server.claims} == {0}
    proxy.up()
    site.wait(run, "completed")
    site.wait_until_clean(daemon)
    daemon.terminate()
    assert daemon.ended() == 0
    proxy.down()


def test_a_container_is_attended_again_when_the_engine_is_back(
    site: Site, tmp_path: Path
) -> None:
    proxy = UnixProxy(tmp_path / "docker.sock")
    proxy.up()
    daemon = site.start({"DOCKER_HOST": proxy.address})
    run = site.send("nonce", seconds=1.0)
    site.wait(run, "running")
    (container,) = site.containers()
    proxy.down()
    container.wait()
    eventually(lambda: "Docker does not answer" in daemon.log.read_text())
    assert run.status == "running"
    proxy.up()
    site.wait(run, "completed")
    site.wait_until_clean(daemon)
    daemon.kill()
    proxy.down()


def test_other_nodes_containers_survive_everything(site: Site) -> None:
    foreign = site.client.containers.create(
        site.image, labels={"ptm.node": "somebody-else", "ptm.run": "1"}
    )
    try:
        daemon = site.start()
        site.wait(site.send("nonce"), "completed")
        daemon.kill()
        site.start()
        site.wait(site.send("nonce"), "completed")
        foreign.reload()
    finally:
        foreign.remove(force=True)


def test_an_idle_daemon_is_small(site: Site) -> None:
    daemon = site.start()
    for _ in range(5):
        site.wait(site.send("nonce"), "completed")
    site.wait_until_clean(daemon)
    assert daemon.resident_megabytes() < 60
