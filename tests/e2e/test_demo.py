"""`make demo`, as its user sees it: the figures, the ways it fails, and its end."""

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import requests

from tests.e2e.demo import (
    Demo,
    Outcome,
    command_of,
    members,
    plain,
    read_until_ready,
)
from tools.rig.process import free_port

SITES = ("north", "east", "south")
PATIENTS = "686"
END_SECONDS = 30


@pytest.fixture(scope="module")
def demo(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    for image in engine.images.list(f"localhost:{demo.registry_port}/ptm/summary"):
        for name in image.attrs["RepoDigests"]:
            if name.startswith(f"localhost:{demo.registry_port}/"):
                engine.images.remove(name)


@pytest.fixture(scope="module")
def altered(demo: Demo) -> Outcome:
    """The first run in an empty folder, with one patient changed at one site."""
    return demo.run("--exit", "--alter-row")


def containers(engine: docker.DockerClient, demo: Demo) -> list[str]:
    labels = [f"ptm.node={prefix}" for prefix in demo.node_prefixes()]
    found = [
        engine.containers.list(all=True, filters={"label": label}) for label in labels
    ]
    return [str(each.name) for some in found for each in some]


def test_one_altered_row_at_one_site_is_noticed(
    engine: docker.DockerClient, demo: Demo, altered: Outcome
) -> None:
    assert (altered.status, altered.complained) == (1, "")
    assert "They differ" in altered.said
    assert altered.left == []
    assert len(demo.node_prefixes()) == len(SITES)
    assert containers(engine, demo) == []


@pytest.mark.parametrize("taken", ["port", "registry_port"])
def test_a_taken_port_is_said_in_one_sentence_before_anything_is_made(
    demo: Demo, taken: str
) -> None:
    unused = Demo(demo.folder.with_name(f"unused-{taken}"), free_port(), free_port())
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(unused, taken)))
        other.listen()
        outcome = unused.run("--exit")
    assert outcome.status == 1
    [sentence] = outcome.complained.split("\n")[1:-1]
    assert str(getattr(unused, taken)) in sentence
    assert "is taken" in sentence
    assert "Traceback" not in outcome.said + outcome.complained
    assert outcome.left == []
    assert not unused.folder.exists()


def test_the_figures_of_both_ways_are_printed_and_ctrl_c_ends_all_that_was_started(
    engine: docker.DockerClient, demo: Demo, altered: Outcome
) -> None:
    docker_id = engine.info()["ID"]
    before = set(demo.node_prefixes())
    with (
        unrelated_process() as unrelated,
        demo.running() as child,
    ):
        said = plain(read_until_ready(child))
        check_the_figures(said)
        assert before.isdisjoint(demo.node_prefixes())
        assert requests.get(f"{address(said)}/health/", timeout=5).ok
        started = members(child.pid)
        commands = [command_of(process) for process in started]
        for part in ("docker-registry serve", "gunicorn", *SITES):
            assert any(part in command for command in commands), part
        check_that_each_node_sees_its_own_table_only(demo, started)
        watches = [os.pidfd_open(process) for process in started]
        child.send_signal(signal.SIGINT)
        _, complained = child.communicate(timeout=END_SECONDS)
        assert (child.returncode, complained) == (0, "")
        for watch in watches:
            assert select.select([watch], [], [], 1)[0], "a process still runs"
            os.close(watch)
        assert members(child.pid) == []
        assert unrelated.poll() is None
    assert engine.info()["ID"] == docker_id
    assert containers(engine, demo) == []
    for port in (demo.port, demo.registry_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def check_the_figures(said: str) -> None:
    for site in SITES:
        assert f"Site {site.capitalize()}" in said
    assert said.count("completed") >= len(SITES)
    [age] = [line for line in said.splitlines() if line.startswith("age ")]
    assert age.split()[1:3] == [PATIENTS, PATIENTS]
    assert "53.05" in age
    assert "They agree" in said


@contextlib.contextmanager
def unrelated_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.terminate()


def check_that_each_node_sees_its_own_table_only(
    demo: Demo, processes: list[int]
) -> None:
    tables = {
        site: demo.folder / "sites" / site / "data" / "gbsg2.csv" for site in SITES
    }
    for site in SITES:
        [node] = [pid for pid in processes if f"sites/{site}/" in command_of(pid)]
        for other, table in tables.items():
            opened = read_as(node, table)
            if other == site:
                assert (opened.returncode, len(opened.stdout)) == (0, 1)
            else:
                assert "No such file" in opened.stderr
        for process in processes:  # whose view of the files might be wider
            table = tables[SITES[0]].relative_to("/")
            opened = read_as(node, Path(f"/proc/{process}/root") / table)
            assert "No such file" in opened.stderr


def read_as(node: int, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nsenter", "--target", str(node), "--mount", "head", "-c1", file],
        capture_output=True,
        text=True,
    )


def address(said: str) -> str:
    [line] = [line for line in said.splitlines() if "The server is up at" in line]
    return line.split()[-1]
