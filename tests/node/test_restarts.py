"""What a new daemon makes of what the last one left, whatever the moment of its end.

The last one's end is arranged by writing journal, spool and engine as they were then;
test_daemon_process.py ends real processes.
"""

import shutil
import threading
from contextlib import closing
from pathlib import Path

import pytest
from ptm_node import config
from ptm_node.audit import Audit, Fact
from ptm_node.journal import Journal, Output
from ptm_node.messages import Code, Key, Report, Status
from ptm_node.runtimes.base import ContainerSpec, Handle, Limits, Mount
from ptm_node.runtimes.fake import FakeEngine, FakeRuntime, Inside
from ptm_node.sections import Size
from ptm_node.spool import Spool

from tests.node.conftest import StartDaemon
from tests.node.examples import assignment
from tests.node.fake_runs import Run
from tests.node.fake_server import FakeServer
from tests.node.harness import (
    IMAGE,
    NODE,
    eventually,
    wait_until_clean,
    waits_for,
    write_config,
    writes,
)

KEY = Key(1, 1)


class Past:
    """The site as an earlier life left it: one run, claimed by claim 1."""

    def __init__(self, folder: Path, server: FakeServer, engine: FakeEngine) -> None:
        self.state = Path(config.load(write_config(folder, server.url)).node.state)
        for name in ("work", "spool"):
            (self.state / name).mkdir(parents=True)
        self.engine = engine
        self.journal = Journal(self.state / "journal.sqlite3")
        self.journal.begin_life(now=0)
        self.journal.record_claim(1, [assignment(KEY, IMAGE)])
        self.run = server.add_run(IMAGE)
        self.run.status, self.run.attempt, self.run.claim = "running", 1, 1
        server.last_claim = 1

    def container(self, key: Key = KEY, node: str = NODE) -> Handle:
        """A container whose output is in the run's folder."""
        folder = self.state / "work" / str(key)
        folder.mkdir()
        output = folder / "output.txt"
        output.touch()
        mount = Mount(str(output), "/app/output.txt", read_only=False)
        limits = Limits(1, 1 << 20, 8, 1 << 20, 1 << 20, 1 << 20)
        spec = ContainerSpec(key, IMAGE, {}, (mount,), limits)
        return FakeRuntime(self.engine, node).prepare(spec, before_pull=lambda: None)

    def started(self) -> Handle:
        handle = self.container()
        FakeRuntime(self.engine, NODE).start(handle)
        return handle

    def spooled(self) -> Output:
        source = self.state / "source"
        source.write_bytes(b'"spooled"')
        output = Spool(self.state / "spool").keep(source, KEY, Size(100))
        self.journal.started(KEY, "gone", at=0)
        self.journal.spooled(KEY, output)
        return output


@pytest.fixture
def past(tmp_path: Path, server: FakeServer, engine: FakeEngine) -> Past:
    return Past(tmp_path, server, engine)


def audited(past: Past, event: str) -> list[dict[str, Fact]]:
    with closing(Audit(past.state / "audit.sqlite3")) as audit:
        return list(audit.newest(event))


def completed(server: FakeServer, run: Run) -> bytes | None:
    server.wait_status(run, "completed")
    return run.result


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


def test_a_spooled_result_is_sent_without_running_again(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.close()
    daemon = start()
    assert completed(server, past.run) == b'"spooled"'
    assert engine.starts == []
    wait_until_clean(daemon)


def test_a_result_that_had_arrived_before_the_end_is_not_sent_again(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    output = past.spooled()
    past.journal.close()
    server.has_result(past.run, b'"spooled"')
    daemon = start()
    wait_until_clean(daemon)
    assert server.count("PATCH") == 0
    # It did leave the site, and its audit may not say otherwise.
    assert audited(past, "result.discarded") == []
    [sent] = audited(past, "result.sent")
    assert (sent["sha256"], sent["size"]) == (output.sha256, output.size)


def test_a_result_of_a_run_that_ended_by_another_is_discarded(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.close()
    server.has_result(past.run, b'"another"')
    daemon = start()
    wait_until_clean(daemon)
    assert audited(past, "result.sent") == []
    [discarded] = audited(past, "result.discarded")
    assert discarded["reason"] == "run_terminal"


def test_a_cancel_that_came_meanwhile_discards_a_spooled_result(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.close()
    past.run.cancelling = True
    daemon = start()
    server.wait_status(past.run, "cancelled")
    wait_until_clean(daemon)


def test_a_stop_that_was_ordered_is_carried_out_by_the_next_start(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = waits_for(threading.Event())
    handle = past.started()
    past.journal.started(KEY, handle.id, at=4e9)
    past.journal.stop_ordered(KEY, "cancelled")
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "cancelled")
    wait_until_clean(daemon)


def test_a_stop_of_a_spooled_result_is_carried_out_by_the_next_start(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.stop_ordered(KEY, "cancelled")
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "cancelled")
    assert server.count("/result/") == 0
    wait_until_clean(daemon)


@pytest.mark.parametrize("reason", ["cancelled", "expired"])
def test_a_stop_of_a_run_that_never_started_is_carried_out_by_the_next_start(
    reason: str,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    past.journal.stop_ordered(KEY, reason)
    past.journal.close()
    daemon = start()
    wait_until_clean(daemon)
    daemon.drain()
    daemon.join()
    assert engine.starts == []
    if reason == "cancelled":
        assert past.run.status == "cancelled"
    assert server.count("/report/") == (1 if reason == "cancelled" else 0)


def test_a_stop_of_a_run_that_waits_for_a_slot_is_carried_out_at_once(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    second = server.add_run(IMAGE)
    second.status, second.attempt, second.claim = "claimed", 1, 1
    past.journal.record_claim(1, [assignment(Key(2, 1), IMAGE)])
    past.journal.close()
    daemon = start(limits={"concurrent_runs": 1})
    server.wait(lambda: engine.starts)
    server.cancel(second)
    server.wait_status(second, "cancelled")
    released.set()
    assert completed(server, past.run) == b"{}"
    wait_until_clean(daemon)
    assert engine.starts == [KEY]
    assert server.count("/runs/2/report/") == 1


FAILED = Report(1, Status.FAILED, Code.EXIT_NONZERO, "exit status 4", retry=False)


def test_a_last_word_that_was_not_heard_is_said_again(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.journal.ended(KEY, FAILED)
    past.journal.close()
    daemon = start()
    server.wait_status(past.run, "failed")
    assert past.run.detail == "exit status 4"
    assert engine.starts == []
    wait_until_clean(daemon)


@pytest.mark.parametrize("recorded", [False, True])
def test_killed_around_the_record_of_an_end_the_audit_has_it_once(
    recorded: bool,
    past: Past,
    server: FakeServer,
    engine: FakeEngine,
    start: StartDaemon,
) -> None:
    past.journal.ended(KEY, FAILED)
    past.journal.close()
    if recorded:
        with closing(Audit(past.state / "audit.sqlite3")) as audit:
            audit.record("run.failed", run=1, attempt=1, code=FAILED.code)
    daemon = start()
    server.wait_status(past.run, "failed")
    wait_until_clean(daemon)
    [end] = audited(past, "run.failed")
    assert (end["run"], end["attempt"], end["code"]) == (1, 1, "exit_nonzero")


def test_a_lost_spool_is_owned_up_to(
    past: Past, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    past.spooled()
    past.journal.close()
    (past.state / "spool" / "1-1").unlink()
    daemon = start()
    server.wait_status(past.run, "failed")
    assert past.run.code == "internal"
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
