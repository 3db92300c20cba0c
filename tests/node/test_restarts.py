"""What a new daemon makes of the runs that the last one left under way.

The last one's end is arranged (past.py); test_daemon_process.py ends real processes.
"""

import shutil
import threading
from pathlib import Path

import pytest
from ptm_node.messages import Key
from ptm_node.runtimes.fake import FakeEngine, Inside

from tests.node.conftest import StartDaemon
from tests.node.examples import assignment
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, waits_for, writes
from tests.node.past import KEY, Past, completed


@pytest.mark.parametrize("container_made", [False, True])
def test_killed_between_the_claim_and_the_start_the_run_begins_anew(
    container_made: bool,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    if container_made:
        past.container()
    past.journal.close()
    daemon = start()
    assert completed(server, past.run) == b"{}"
    assert engine.starts == [KEY]
    wait_until_clean(daemon)


@pytest.mark.parametrize("while_it_serves", [False, True])
def test_a_folder_that_an_earlier_try_left_is_not_used(
    while_it_serves: bool,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    """Neither its output nor its data: this one finds the folder as it would be new."""
    seen: list[list[str]] = []

    def silent(inside: Inside) -> int:
        folder = inside.file("/app/output.txt").parent
        seen.append(sorted(path.name for path in folder.iterdir()))
        return 0

    def leave_behind(key: Key) -> None:
        folder = past.state / "work" / str(key)
        folder.mkdir(parents=True)
        (folder / "output.txt").write_bytes(b'"stale"')
        (folder / "data-default").symlink_to("/etc")
        (folder / "input.txt").touch(mode=0o400)

    engine.present[IMAGE] = silent
    leave_behind(KEY)
    past.journal.close()
    daemon = start()
    run = past.run
    if while_it_serves:
        server.wait_status(run, "failed")
        wait_until_clean(daemon)
        leave_behind(Key(run.id + 1, 1))
        run = server.add_run(IMAGE)
    server.wait_status(run, "failed")
    assert run.code == "output_missing"
    assert seen == [["input.txt", "output.txt", "token.txt"]] * len(seen)
    wait_until_clean(daemon)


def test_killed_between_the_start_and_its_note_the_container_is_adopted(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released, b'"first"')
    past.started()
    past.journal.close()
    daemon = start()
    server.wait(lambda: server.hellos)
    released.set()
    assert completed(server, past.run) == b'"first"'
    assert engine.starts == [KEY]
    wait_until_clean(daemon)


@pytest.mark.parametrize("ended_meanwhile", [True, False])
def test_killed_while_the_container_ran_it_is_adopted(
    ended_meanwhile: bool,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released, b'"first"')
    handle = past.started()
    past.journal.started(KEY, handle.id, at=4e9)
    past.journal.close()
    if ended_meanwhile:
        released.set()
        eventually(lambda: engine.containers[handle.id].exit)
    daemon = start()
    server.wait(lambda: server.hellos)
    released.set()
    assert completed(server, past.run) == b'"first"'
    assert engine.starts == [KEY]
    wait_until_clean(daemon)


def test_a_copied_state_folder_does_not_adopt_what_writes_elsewhere(
    tmp_path: Path,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    handle = past.started()
    past.journal.started(KEY, handle.id, at=4e9)
    past.journal.close()
    copy = tmp_path / "copy"
    shutil.copytree(past.state, copy)
    daemon = start(node={"state": str(copy)})
    server.wait_status(past.run, "failed")
    assert (past.run.code, past.run.retry) == ("runtime_unavailable", True)
    wait_until_clean(daemon)


def test_an_adopted_container_has_only_the_time_that_is_left(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    handle = past.started()
    past.journal.started(KEY, handle.id, at=0)  # in 1970
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "failed")
    assert past.run.code == "timed_out"
    wait_until_clean(daemon)


def test_a_container_that_vanished_meanwhile_is_a_fault_of_the_site(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.journal.started(KEY, "no such container", at=4e9)
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "failed")
    assert (past.run.code, past.run.retry) == ("runtime_unavailable", True)
    wait_until_clean(daemon)


def test_leftovers_of_its_own_are_removed_and_of_others_not(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.journal.close()
    past.container(Key(77, 1))
    foreign = past.container(Key(78, 1), node="another")
    (past.state / "spool" / "79-1").write_bytes(b"unknown")
    (past.state / "spool" / "1-1.part").write_bytes(b"half")
    daemon = start()
    completed(server, past.run)
    eventually(lambda: list(engine.containers) == [foreign.id])
    eventually(lambda: not list((daemon.state / "work").iterdir()))
    eventually(lambda: not list((daemon.state / "spool").iterdir()))


def test_more_runs_than_slots_are_taken_up_one_after_the_other(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    others = [server.add_run(IMAGE) for _ in range(3)]
    for run in others:
        run.status, run.attempt, run.claim = "claimed", 1, 1
    assignments = [assignment(Key(run.id, 1), IMAGE) for run in others]
    past.journal.record_claim(1, assignments)
    past.journal.close()
    engine.present[IMAGE] = writes(b"{}")
    start(limits={"concurrent_runs": 1})
    server.wait(lambda: all(run.status == "completed" for run in server.runs.values()))
    assert sorted(engine.starts) == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_an_adopted_run_goes_on_while_the_server_is_away(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    handle = past.started()
    past.journal.started(KEY, handle.id, at=4e9)
    past.journal.close()
    away = server.fail(".", "drop", times=10_000)
    daemon = start()
    eventually(lambda: (daemon.state / "spool" / "1-1").exists())
    eventually(lambda: not engine.containers)
    away.times = 0
    assert completed(server, past.run) == b"{}"
    wait_until_clean(daemon)
