"""Holes that a peer had to publish, tried on a site's node.

Each test is named after its kind; docs/security.md has the list.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, wait_until_clean, writes

Json = dict[str, Any]
EVIL = "evil.example/miner@sha256:" + "b" * 64
TASK: Json = {
    "id": 1,
    "name": "a task",
    "purpose": "",
    "collaboration": {"id": 1, "name": "Breast cancer"},
    "organization": {"id": 2, "name": "elsewhere"},
    "initiator": {"id": 9, "username": "rosa"},
}
PARENTS: list[Json] = [
    {"task": {**TASK, "parent": {"id": 1, "run": 1}}},
    {"task": {**TASK, "parent_run": 1, "subtask_key": "a"}},
    {"parent": 1, "parent_id": 1, "parent_run": 1, "trusted": True},
]
WISHES: list[Json] = [
    {"environment": {"LD_PRELOAD": "/evil.so"}, "env": {"PYTHONSTARTUP": "/evil.py"}},
    {"function": "summary\nLD_PRELOAD=/evil.so"},
    {"function": "$(id)", "input": b'{"env": {"PATH": "/evil"}, "PATH": "/evil"}'},
    {"task": {**TASK, "name": "x\nLD_PRELOAD=/evil.so", "env": {"A": "b"}}},
]


@pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: next(iter(parent)))
def test_the_node_accepts_no_image_because_the_task_named_a_parent(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, parent: Json
) -> None:
    """Not even where the image is there already, and the server says so."""
    engine.present[EVIL] = writes(b"stolen")
    engine.pullable[EVIL] = writes(b"stolen")
    daemon = start()
    server.wait_status(server.add_run(IMAGE), "completed")  # the parent is honest
    run = server.add_run(EVIL, **parent)
    server.wait_status(run, "rejected")
    assert run.code == "policy_refused"
    assert engine.starts == [(1, 1)]
    wait_until_clean(daemon)


@pytest.mark.parametrize("wish", WISHES, ids=["fields", "function", "input", "name"])
def test_no_code_is_injected_through_environment_variables(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, wish: Json
) -> None:
    seen: list[dict[str, str]] = []

    def program(inside: Inside) -> int:
        seen.append(dict(inside.spec.environment))
        return int(writes(b"{}")(inside))

    engine.present[IMAGE] = program
    start()
    server.wait_status(server.add_run(IMAGE, **wish), "completed")
    assert seen == [
        {
            "INPUT_FILE": "/app/input.txt",
            "OUTPUT_FILE": "/app/output.txt",
            "TOKEN_FILE": "/app/token.txt",
            "HOME": "/tmp",  # noqa: S108
            "PTM_MIN_COUNT": "10",
        }
    ]


@pytest.mark.parametrize(
    "label", ["x=1\nLD_PRELOAD", "ld_preload=/evil.so", "default\n", "../default", "Ä"]
)
def test_no_label_of_a_task_becomes_an_environment_variable(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    tmp_path: Path,
    label: str,
) -> None:
    (tmp_path / "a.csv").touch()
    database = {"type": "csv", "uri": str(tmp_path / "a.csv"), "collaborations": [1]}
    start(databases={"default": database})
    run = server.add_run(IMAGE, databases=[{"label": label}])
    server.wait(lambda: run.code)
    assert run.code == "database_unknown"
    assert engine.starts == []


def listening() -> set[str]:
    """The TCP and Unix sockets on which this process waits for others."""
    mine = {
        link.removeprefix("socket:[").removesuffix("]")
        for link in map(_target, Path("/proc/self/fd").iterdir())
        if link.startswith("socket:")
    }
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                found.add(columns[9])
    for line in Path("/proc/self/net/unix").read_text().splitlines()[1:]:
        if int(line.split()[3], 16) & 0x10000:  # waits for connections
            found.add(line.split()[6])
    return found & mine


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


def test_there_is_no_way_to_log_in_to_a_node(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    """It goes out and never listens, whatever it does."""
    doors: list[set[str]] = []

    def program(inside: Inside) -> int:
        doors.append(listening())
        return int(writes(b"{}")(inside))

    engine.present[IMAGE] = program
    before = listening()
    assert len(before) >= 1  # the server that stands in for the real one
    start()
    server.wait_status(server.add_run(IMAGE), "completed")
    (during,) = doors
    assert during - before == set()
