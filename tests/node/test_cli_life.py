"""`ptm-node runs|logs|stop|gc`, and what every command gives to programs."""

import json
import os
import pty
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import typer
from ptm_node import config, reading
from ptm_node.audit import Audit
from ptm_node.cli import app
from ptm_node.clock import Clock
from ptm_node.journal import Journal
from ptm_node.messages import Key
from ptm_node.rubbish import Collector, Rubbish
from ptm_node.runtimes.docker import DockerRuntime
from ptm_node.runtimes.fake import FakeEngine

from tests.node.command import failed, ptm_node
from tests.node.conftest import StartDaemon
from tests.node.docker_support import own_containers, spec
from tests.node.examples import assignment
from tests.node.fake_server import FakeServer
from tests.node.harness import (
    IMAGE,
    eventually,
    wait_until_clean,
    waits_for,
    write_config,
    writes,
)
from tests.node.process import DaemonProcess


def answer(*arguments: str) -> Any:
    done = ptm_node(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        yield from leaves(each, f"{path} {name}".strip())
    if not hasattr(command, "commands"):
        yield path, command


def test_every_command_speaks_to_programs() -> None:
    commands = dict(leaves(typer.main.get_command(app)))
    assert {"doctor", "runs", "logs", "gc", "stop", "init", "run"} <= commands.keys()
    silent = [
        name
        for name, command in commands.items()
        if "--json" not in [option for each in command.params for option in each.opts]
    ]
    assert silent == ["audit export"], "that one writes JSON in any case"


def test_version_pause_and_resume_for_programs(
    server: FakeServer, start: StartDaemon, tmp_path: Path
) -> None:
    path = str(start() and tmp_path / "node.toml")
    assert answer("version") == {"version": "0.1.0"}
    assert answer("pause", "--config", path, "--reason", "backup") == {
        "paused": "backup"
    }
    eventually(lambda: "backup" in answer("status", "--config", path)["paused"])
    assert answer("resume", "--config", path) == {"paused": ""}


# runs


def test_runs_lists_what_is_held_and_what_has_ended(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, tmp_path: Path
) -> None:
    daemon = start()
    path = str(tmp_path / "node.toml")
    server.wait_status(server.add_run(IMAGE), "completed")
    engine.present[IMAGE] = writes(b"{}", status=1)
    server.wait_status(server.add_run(IMAGE), "failed")
    other = "localhost:5050/else/x@sha256:" + "b" * 64
    server.wait_status(server.add_run(other), "rejected")
    wait_until_clean(daemon)
    engine.present[IMAGE] = waits_for(threading.Event())
    server.wait_status(server.add_run(IMAGE), "running")
    eventually(lambda: daemon.journal()[0].container)

    told = answer("runs", "--config", path)

    assert [(t["run"], t["state"], t["code"], t["ended"]) for t in told] == [
        (4, "started", None, False),
        (3, "rejected", "policy_refused", True),
        (2, "failed", "exit_nonzero", True),
        (1, "completed", None, True),
    ]
    assert (told[3]["image"], told[3]["function"]) == (IMAGE, "summary")
    assert told[2]["at"]
    said = ptm_node("runs", "--config", path, "--limit", "1").stdout.splitlines()
    assert len(said) == 2
    assert "run 3 (attempt 1)" in said[1]
    assert "rejected (policy_refused)" in said[1]


# logs


def kept(state: Path, key: Key, text: bytes) -> Path:
    (state / "logs").mkdir(parents=True, exist_ok=True)
    path = state / "logs" / f"{key}.log"
    path.write_bytes(text)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A state folder in which no daemon runs; run 1 has started."""
    write_config(tmp_path, "http://127.0.0.1:9")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    journal, audit = Journal(state / "journal.sqlite3"), Audit(state / "audit.sqlite3")
    journal.record_claim(1, [assignment(Key(1, 1), IMAGE)])
    journal.started(Key(1, 1), "c", time.time())
    journal.close()
    audit.close()
    return tmp_path


def journal_of(site: Path) -> Journal:
    return Journal(site / "state" / "journal.sqlite3")


def test_the_newest_attempts_log_is_shown(site: Path) -> None:
    kept(site / "state", Key(1, 1), b"first\n")
    kept(site / "state", Key(1, 2), b"second\n")
    path = str(site / "node.toml")
    assert ptm_node("logs", "1", "--config", path).stdout == "second\n"
    assert answer("logs", "1", "--config", path) == {
        "run": 1,
        "attempt": 2,
        "text": "second\n",
    }
    assert "ptm-node runs" in failed(1, "logs", "7", "--config", path)


def test_following_ends_with_the_run_and_misses_nothing(site: Path) -> None:
    path = kept(site / "state", Key(1, 1), b"one\n")
    found = reading.pieces(site / "state", Key(1, 1), follow=True)
    assert next(found) == b"one\n"
    # A daemon that was started again writes it anew.
    path.write_bytes(b"")
    path.write_bytes(b"one\ntwo\n")
    assert next(found) == b"two\n"
    path.write_bytes(b"one\ntwo\nthree\n")
    journal = journal_of(site)
    journal.forget(Key(1, 1))
    journal.close()
    assert list(found) == [b"three\n"]


def test_a_log_cannot_steer_a_terminal(site: Path) -> None:
    kept(site / "state", Key(1, 1), b"\x1b]0;owned\x07\x1b[2Jdone \xe2\x80\xae\n")
    near, far = pty.openpty()
    command = [sys.executable, "-m", "ptm_node", "logs", "1"]
    subprocess.run(
        [*command, "--config", site / "node.toml"], stdout=far, check=True, timeout=30
    )
    os.close(far)
    said = os.read(near, 1 << 16)
    os.close(near)
    assert said == b"\\x1b]0;owned\\x07\\x1b[2Jdone \\u202e\r\n"


# stop


@pytest.mark.docker
def test_stop_waits_until_the_daemon_has_ended(
    server: FakeServer, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    with DaemonProcess(tmp_path, server) as daemon:
        server.wait(lambda: server.claims)
        path = str(daemon.config)
        assert answer("stop", "--config", path) == {"ended": True}
        assert daemon.ended() == 0
    assert server.goodbyes == 1
    assert answer("stop", "--config", path) == {"ended": False}


def test_stop_now_leaves_what_runs_and_a_plain_stop_waits_for_it(site: Path) -> None:
    """A stand-in that drains at its first signal and leaves at the second."""
    script = (
        "import signal, sys; from pathlib import Path;"
        "from ptm_node.state import take_state;"
        "both = {signal.SIGTERM, signal.SIGINT};"
        "signal.pthread_sigmask(signal.SIG_BLOCK, both);"
        "lock = take_state(Path(sys.argv[1])); print('ready', flush=True);"
        "print(signal.sigwait(both), flush=True);"
        "print(signal.sigwait(both), flush=True)"
    )
    command = [sys.executable, "-c", script, str(site / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "ready\n"
        path = str(site / "node.toml")
        said = failed(1, "stop", "--config", path, "--within", "0.2s")
        assert "--now" in said
        assert daemon.poll() is None
        assert ptm_node("stop", "--now", "--config", path).returncode == 0
        assert daemon.wait(30) == 0


# gc


def collected(
    site: Path, client: docker.DockerClient, runtime: DockerRuntime, **changes: Any
) -> list[Rubbish]:
    settings = config.load(site / "node.toml")
    options = {"unused_for": 0.0, "dry_run": False, **changes}
    return list(Collector(settings, runtime, client.api, **options).collect())


@pytest.fixture
def runtime(docker_client: docker.DockerClient) -> Iterator[DockerRuntime]:
    with own_containers(docker_client) as node:
        runtime = DockerRuntime(node, Clock())
        with runtime.connected():
            yield runtime


@pytest.mark.docker
def test_gc_removes_what_no_run_holds_and_nothing_else(
    site: Path,
    docker_client: docker.DockerClient,
    runtime: DockerRuntime,
    probe_image: str,
    tmp_path: Path,
) -> None:
    state = site / "state"
    for key in (Key(1, 1), Key(9, 1)):
        runtime.prepare(spec(tmp_path, probe_image, "nothing", key), lambda: None)
        for folder in ("spool", "work"):
            (state / folder).mkdir(exist_ok=True)
        (state / "spool" / str(key)).write_bytes(b"x" * 1000)
        (state / "work" / str(key)).mkdir()
        (state / "work" / str(key) / "input.txt").write_bytes(b"y" * 10)
        kept(state, key, b"log")
    (state / "spool" / "9-1.part").write_bytes(b"z")
    everything = sorted(str(p) for p in state.rglob("*"))

    told = collected(site, docker_client, runtime, dry_run=True)

    assert sorted(str(p) for p in state.rglob("*")) == everything
    assert len(runtime.recover()) == 2
    assert {(r.kind, r.name, r.size) for r in told} == {
        ("container", "of run 9-1", 0),
        ("spool", "9-1", 1000),
        ("spool", "9-1.part", 1),
        ("work", "9-1", 10),
        ("log", "9-1.log", 3),
    }
    assert collected(site, docker_client, runtime) == told
    assert [each.handle.key for each in runtime.recover()] == [Key(1, 1)]
    left = {
        p.name for name in ("spool", "work", "logs") for p in (state / name).iterdir()
    }
    assert left == {"1-1", "1-1.log"}
    assert collected(site, docker_client, runtime) == []


@pytest.mark.docker
def test_a_young_log_is_kept(
    site: Path, docker_client: docker.DockerClient, runtime: DockerRuntime
) -> None:
    path = kept(site / "state", Key(9, 1), b"log")
    assert collected(site, docker_client, runtime, unused_for=3600.0) == []
    os.utime(path, (0, 0))
    assert len(collected(site, docker_client, runtime, unused_for=3600.0)) == 1


@pytest.mark.docker
def test_images_beyond_the_bound_go_and_those_in_use_stay(
    site: Path,
    docker_client: docker.DockerClient,
    runtime: DockerRuntime,
    probe_image: str,
) -> None:
    mine = f"ptm-test/gc-{secrets.token_hex(4)}"
    names = [f"{mine}:{tag}" for tag in ("old", "held", "young")]
    for name in names:
        # Images of their own, each a little other than the next.
        changes = [f"LABEL of={name}"]
        container = docker_client.api.create_container(probe_image, ["true"])
        repository, _, tag = name.partition(":")
        docker_client.api.commit(container, repository, tag, changes=changes)
        docker_client.api.remove_container(container)
    audit = Audit(site / "state" / "audit.sqlite3")
    for name in names:
        audit.record("run.accepted", run=1, attempt=1, image=name)
    audit.close()
    journal = journal_of(site)
    journal.record_claim(2, [assignment(Key(2, 1), names[1])])
    journal.close()

    def here() -> list[str]:
        found = docker_client.images.list(name=mine)
        return sorted(tag.split(":")[-1] for image in found for tag in image.tags)

    try:
        assert collected(site, docker_client, runtime) == [], "all is within the bound"
        write_config(site, "http://127.0.0.1:9", limits={"image_cache": "1k"})
        assert collected(site, docker_client, runtime, unused_for=3600.0) == []
        assert here() == ["held", "old", "young"]
        found = collected(site, docker_client, runtime)
        assert [(r.kind, r.name) for r in found] == [
            ("image", names[0]),
            ("image", names[2]),
        ]
        assert here() == ["held"]
    finally:
        for name in here():
            docker_client.images.remove(f"{mine}:{name}")


@pytest.mark.docker
def test_gc_says_what_was_freed(site: Path, docker_client: Any) -> None:
    (site / "state" / "spool").mkdir()
    (site / "state" / "spool" / "9-1").write_bytes(b"x" * 2048)
    path = str(site / "node.toml")
    said = ptm_node("gc", "--config", path, "--dry-run").stdout
    assert said == "spool 9-1: 2.0 kB\nWould free 2.0 kB.\n"
    assert answer("gc", "--config", path) == [
        {"kind": "spool", "name": "9-1", "size": 2048}
    ]
    assert ptm_node("gc", "--config", path).stdout == "Freed 0 bytes.\n"
