"""Runs and results that wait for the site's people, as these see and answer them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ptm_node.runtimes.fake import FakeEngine

from tests.node.command import failed, ptm_node
from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, writes

OTHER = IMAGE.replace("a" * 64, "b" * 64)
ADA = ("--name", "Ada")

Said = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    def said(command: str, *arguments: str) -> str:
        config = str(tmp_path / "node.toml")
        done = ptm_node(*command.split(), "--config", config, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return said


@pytest.fixture
def refused(tmp_path: Path) -> Said:
    def refused(command: str, *arguments: str) -> str:
        return failed(1, command, "--config", str(tmp_path / "node.toml"), *arguments)

    return refused


def audit(said: Said) -> list[dict[str, object]]:
    return [json.loads(line) for line in said("audit export").splitlines()]


def test_nothing_starts_before_somebody_says_yes(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, said: Said
) -> None:
    daemon = start(policy={"approval": "always"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    assert not engine.containers
    assert "awaiting_approval since 20" in said("status")
    assert said("approve").startswith("run 1, since 20")
    said("approve", "1", *ADA, "--reason", "as agreed")
    server.wait_status(run, "completed")
    wait_until_clean(daemon)
    entry = next(e for e in audit(said) if e["event"] == "approval.given")
    assert (entry["name"], entry["reason"], entry["run"]) == ("Ada", "as agreed", 1)


def test_a_steward_sees_exactly_what_would_run(
    server: FakeServer, start: StartDaemon, said: Said
) -> None:
    start(policy={"approval": "always"})
    text = b'{"kwargs": {"columns": ["age\\u202e", "\\u001b[2Jgrade"]}}'
    server.wait_status(server.add_run(IMAGE, input=text), "awaiting_approval")
    shown = said("approve", "1")
    for part in ("rosa of elsewhere", "Breast cancer", "a test", IMAGE, "summary"):
        assert part in shown
    assert '"age\\u202e"' in shown
    assert "\x1b" not in shown
    assert "it was never approved here" in shown
    case = json.loads(said("approve", "1", "--json"))
    assert json.loads(case["arguments"]) == json.loads(text)
    assert server.runs[1].status == "awaiting_approval", "looking decides nothing"


def test_a_no_ends_the_run_with_its_reason(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, said: Said
) -> None:
    daemon = start(policy={"approval": "always"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    said("reject", "1", *ADA, "--reason", "no contract yet")
    server.wait_status(run, "rejected")
    assert run.code == "approval_denied"
    assert run.detail == "the site said no: no contract yet"
    assert not engine.containers
    wait_until_clean(daemon)


def test_a_reason_stays_at_a_site_that_shares_none(
    server: FakeServer, start: StartDaemon, said: Said
) -> None:
    start(policy={"approval": "always", "share_reasons": False})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    said("reject", "1", *ADA, "--reason", "no contract yet")
    server.wait_status(run, "rejected")
    assert run.detail == "the site said no"


def test_two_people_have_to_say_yes(
    server: FakeServer, start: StartDaemon, said: Said, refused: Said
) -> None:
    start(policy={"approval": "always", "approvers": 2})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    assert "1 more has to say yes" in said("approve", "1", *ADA)
    for same in ("ADA", " Ada ", "ada\t"):
        assert "somebody else" in refused("approve", "1", "--name", same)
    assert "blank" in refused("approve", "1", "--name", " ")
    assert "Ada (1 of 2)" in said("approve", "1")
    assert run.status == "awaiting_approval"
    said("approve", "1", "--name", "Grace")
    server.wait_status(run, "completed")


def test_a_yes_to_a_version_is_remembered_until_it_ends(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    said: Said,
) -> None:
    engine.present[OTHER] = writes(b"{}")
    start(policy={"approval": "new-digest"})
    server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    said("approve", "1", *ADA, "--for", "image", "--lasts", "2s")
    server.wait_status(server.add_run(IMAGE), "completed")
    changed = server.add_run(OTHER, function="other")
    server.wait_status(changed, "awaiting_approval")
    shown = said("approve", "3")
    assert f"version: {IMAGE} → {OTHER}" in shown
    assert "function: summary → other" in shown

    def asks_again() -> bool:
        run = server.add_run(IMAGE)
        return server.wait_status(run, "completed", "awaiting_approval").status != (
            "completed"
        )

    eventually(asks_again)


def test_where_every_run_is_asked_for_a_version_cannot_be_approved(
    server: FakeServer, start: StartDaemon, refused: Said
) -> None:
    start(policy={"approval": "always"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    assert "every run" in refused("approve", "1", *ADA, "--for", "image")
    assert run.status == "awaiting_approval"


def test_a_yes_may_cover_a_task_and_its_subtasks(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, said: Said
) -> None:
    engine.present[OTHER] = writes(b"{}")
    start(policy={"approval": "always"})
    task = server.add_run(IMAGE).assignment["task"]
    server.wait_status(server.runs[1], "awaiting_approval")
    said("approve", "1", *ADA, "--for", "task")
    server.wait_status(server.runs[1], "completed")
    subtask = {**task, "id": 99, "root": task["id"]}
    covered = server.add_run(IMAGE, task=subtask, function="partial")
    server.wait_status(covered, "completed")
    for image, changes in ((OTHER, {"task": subtask}), (IMAGE, {})):
        server.wait_status(server.add_run(image, **changes), "awaiting_approval")


def test_what_was_approved_is_not_another_thing_of_the_same_number(
    server: FakeServer, engine: FakeEngine, start: StartDaemon, said: Said
) -> None:
    """A server that lies gives the approved run to the node with other arguments."""
    start(policy={"approval": "always"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_approval")
    said("approve", "1", *ADA)
    server.wait_status(run, "completed")
    other = server.add_run(IMAGE, input=b'{"more": 1}')
    with server.changed:
        other.id = other.assignment["run"] = 1
        server.runs[1] = other
        del server.runs[2]
        other.attempt = 1
    server.look()
    server.wait_status(other, "awaiting_approval")


def test_a_result_leaves_only_when_it_is_released(
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
    said: Said,
    tmp_path: Path,
) -> None:
    engine.present[IMAGE] = writes(b'{"mean": 3}')
    daemon = start(policy={"release": "review"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_release")
    eventually(lambda: not engine.containers)
    assert said("release").startswith("result of run 1, since 20")
    shown = said("release", "1", "--save", str(tmp_path / "seen"))
    assert '"mean": 3' in shown
    assert (tmp_path / "seen").read_bytes() == b'{"mean": 3}'
    assert run.status == "awaiting_release"
    said("release", "1", *ADA)
    server.wait_status(run, "completed")
    assert run.result == b'{"mean": 3}'
    wait_until_clean(daemon)


def test_a_withheld_result_is_gone(
    server: FakeServer, start: StartDaemon, said: Said
) -> None:
    daemon = start(policy={"release": "review"})
    run = server.wait_status(server.add_run(IMAGE), "awaiting_release")
    said("withhold", "1", *ADA, "--reason", "too telling")
    server.wait_status(run, "withheld")
    assert run.code == "approval_denied"
    assert run.detail == "the site withheld the result: too telling"
    wait_until_clean(daemon)


@pytest.mark.parametrize(
    ("policy", "status", "command"),
    [
        ({"approval": "always"}, "awaiting_approval", "approve"),
        ({"release": "review"}, "awaiting_release", "release"),
    ],
)
def test_what_waits_outlives_the_daemon(
    server: FakeServer,
    start: StartDaemon,
    said: Said,
    policy: dict[str, str],
    status: str,
    command: str,
) -> None:
    first = start(policy=policy)
    run = server.wait_status(server.add_run(IMAGE), status)
    first.drain()
    first.join()
    assert run.status == status, "an ending daemon keeps what waits"
    assert "when the daemon runs again" in said(command, "1", *ADA)
    second = start(policy=policy)
    server.wait_status(run, "completed")
    wait_until_clean(second)


def test_a_word_that_got_lost_is_said_again(
    server: FakeServer, start: StartDaemon
) -> None:
    server.fail("POST .*report", "drop", times=1000)
    first = start(policy={"approval": "always"})
    run = server.add_run(IMAGE)
    eventually(lambda: [r.phase for r in first.journal()] == ["awaiting_approval"])
    first.agent.leave()
    first.join()
    server.faults.clear()
    start(policy={"approval": "always"})
    server.wait_status(run, "awaiting_approval")


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ({"approval": "always"}, "awaiting_approval"),
        ({"release": "review"}, "awaiting_release"),
    ],
)
def test_what_waits_can_be_cancelled(
    server: FakeServer, start: StartDaemon, policy: dict[str, str], status: str
) -> None:
    daemon = start(policy=policy)
    run = server.wait_status(server.add_run(IMAGE), status)
    server.cancel(run)
    server.wait_status(run, "cancelled")
    wait_until_clean(daemon)


def test_what_waits_takes_no_room(
    server: FakeServer, start: StartDaemon, said: Said
) -> None:
    start(policy={"approval": "always"}, limits={"concurrent_runs": 1})
    runs = [server.add_run(IMAGE) for _ in range(3)]
    for run in runs:
        server.wait_status(run, "awaiting_approval")
    said("approve", "3", *ADA)
    server.wait_status(runs[2], "completed")


def test_a_rule_has_its_own_terms(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    rules = [
        {"action": "run", "functions": ["summary"], "limits": {"memory": "64m"}},
        {"action": "run", "approval": "always"},
    ]
    start(policy={"approval": "never", "rules": rules})
    server.wait_status(server.add_run(IMAGE), "completed")
    server.wait_status(server.add_run(IMAGE, function="other"), "awaiting_approval")


def test_only_what_waits_can_be_decided(
    server: FakeServer, start: StartDaemon, refused: Said
) -> None:
    start()
    server.wait_status(server.add_run(IMAGE), "completed")
    for command in ("approve", "reject", "release", "withhold"):
        assert "does not wait" in refused(command, "1", *ADA)
