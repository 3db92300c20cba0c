"""A run from the claim to its end, on a fake engine: what is told, what is left."""

import threading

import pytest
from ptm_node.runtimes.base import Exit
from ptm_node.runtimes.fake import FakeEngine, Inside, Program

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import IMAGE, eventually, wait_until_clean, waits_for, writes

OTHER = IMAGE.replace("summary", "other")


def test_a_result_arrives_and_nothing_is_left_behind(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b'{"n": 12}')
    daemon = start()
    run = server.wait_status(server.add_run(IMAGE), "completed")
    assert (run.result, run.media_type) == (b'{"n": 12}', "application/json")
    assert engine.starts == [(1, 1)]
    wait_until_clean(daemon)


def test_the_server_hears_each_state(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start()
    run = server.wait_status(server.add_run(IMAGE), "running")
    released.set()
    server.wait_status(run, "completed")
    assert run.history == ["claimed", "preparing", "running", "completed"]


def test_nothing_starts_before_the_server_has_confirmed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    confirmation = server.fail("POST .*/report/", "stall")
    start()
    run = server.wait_status(server.add_run(IMAGE), "preparing")
    eventually(lambda: engine.containers)  # made meanwhile, which saves time
    assert engine.starts == []
    confirmation.released.set()
    server.wait_status(run, "completed")
    assert engine.starts == [(1, 1)]


def test_nothing_is_pulled_before_the_server_has_confirmed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.pullable[OTHER] = writes(b"{}")
    confirmation = server.fail("POST .*/report/", "stall")
    start()
    run = server.wait_status(server.add_run(OTHER), "preparing")
    assert engine.pulls == []
    confirmation.released.set()
    server.wait_status(run, "completed")
    assert OTHER in engine.present


FAILURES: dict[str, tuple[Program, str, str, bool]] = {
    "exit status": (writes(b"{}", 3), "exit_nonzero", "exit status 3", False),
    "nothing written": (writes(b""), "output_missing", "wrote no output", False),
    "one byte too much": (writes(b"x" * 1025), "output_too_large", "1.0 kB", False),
    "stopped at the limit": (
        writes(b"x" * 1025, 1),
        "output_too_large",
        "larger than 1.0 kB",
        False,
    ),
    "SIGXFSZ": (writes(b"x", 153), "output_too_large", "1.0 kB", False),
    "out of memory": (
        lambda _: Exit(137, out_of_memory=True),
        "out_of_memory",
        "out of memory at 2.0 GB",
        False,
    ),
    "killed from outside": (
        lambda _: Exit(137),
        "runtime_unavailable",
        "ended from outside",
        True,
    ),
    "vanished": (lambda _: Exit(None), "runtime_unavailable", "vanished", True),
    "unseen end of an engine": (
        lambda _: Exit(255, witnessed=False),
        "runtime_unavailable",
        "engine went down",
        True,
    ),
    "an exit status of its own": (
        lambda _: Exit(255),
        "exit_nonzero",
        "exit status 255",
        False,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_says_whose_fault_it_is(
    name: str, server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    program, code, detail, retry = FAILURES[name]
    engine.present[IMAGE] = program
    daemon = start(limits={"output": "1k"})
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert (run.code, run.retry) == (code, retry)
    assert detail in run.detail
    assert run.result is None
    wait_until_clean(daemon)


def test_a_child_that_ran_out_of_memory_does_not_fail_a_run_that_succeeded(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    def program(inside: Inside) -> Exit:
        writes(b"{}")(inside)
        return Exit(0, out_of_memory=True)

    engine.present[IMAGE] = program
    start()
    server.wait_status(server.add_run(IMAGE), "completed")


def test_output_of_exactly_the_limit_is_a_result(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.present[IMAGE] = writes(b"x" * 1024)
    start(limits={"output": "1k"})
    run = server.wait_status(server.add_run(IMAGE), "completed")
    assert run.media_type == "application/octet-stream"


def test_an_unknown_image_is_said_to_be_unknown(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    run = server.wait_status(server.add_run(OTHER), "failed")
    assert run.code == "image_not_found"
    wait_until_clean(daemon)


def test_an_output_that_became_a_link_is_not_followed(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    def program(inside: Inside) -> int:
        output = inside.file("/app/output.txt")
        output.unlink()
        output.symlink_to("/etc/passwd")
        return 0

    engine.present[IMAGE] = program
    start()
    run = server.wait_status(server.add_run(IMAGE), "failed")
    assert run.code == "output_invalid"


def test_a_foreign_image_is_refused_by_the_site(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    daemon = start()
    run = server.wait_status(
        server.add_run("evil.example/miner@sha256:" + "b" * 64), "rejected"
    )
    assert run.code == "policy_refused"
    assert engine.starts == []
    wait_until_clean(daemon)


def test_an_unknown_database_goes_back_for_another_node(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    start(limits={"concurrent_runs": 1})
    run = server.add_run(IMAGE, databases=[{"label": "secret"}])
    server.wait(lambda: run.history[:2] == ["claimed", "queued"])
    assert run.code == "database_unknown"


@pytest.mark.usefixtures("asleep")  # only a slot that becomes free makes it ask
def test_no_more_runs_are_claimed_than_may_run_at_once(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.present[IMAGE] = waits_for(released)
    start(limits={"concurrent_runs": 2})
    runs = [server.add_run(IMAGE) for _ in range(4)]
    server.wait(lambda: sum(run.status == "running" for run in runs) == 2)
    server.wait(lambda: server.claims and server.claims[-1]["capacity"] == 0)
    assert sum(run.status == "queued" for run in runs) == 2
    released.set()
    server.wait(lambda: all(run.status == "completed" for run in runs))
    assert sorted(engine.starts) == [(n, 1) for n in (1, 2, 3, 4)]


@pytest.mark.usefixtures("asleep")  # only a slot that becomes free makes it ask
def test_a_slow_registry_holds_up_only_the_runs_that_need_it(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    engine.pullable[OTHER] = writes(b"{}")
    engine.registry_answers.clear()
    daemon = start(limits={"concurrent_runs": 2})
    slow = [server.add_run(OTHER) for _ in range(5)]
    quick = [server.add_run(IMAGE) for _ in range(5)]
    server.wait(lambda: all(run.status == "completed" for run in quick))
    # It takes no more of the others than it has slots, whatever is queued.
    assert [run.status for run in slow] == ["preparing"] * 2 + ["queued"] * 3
    assert server.claims[-1]["pulling"] == [OTHER]
    engine.registry_answers.set()
    server.wait(lambda: all(run.status == "completed" for run in [*slow, *quick]))
    wait_until_clean(daemon)


@pytest.mark.usefixtures("asleep")  # only an image that came makes it ask
def test_what_was_passed_over_for_its_image_is_claimed_when_that_is_here(
    server: FakeServer, engine: FakeEngine, start: StartDaemon
) -> None:
    released = threading.Event()
    engine.pullable[OTHER] = waits_for(released)
    engine.registry_answers.clear()
    first = server.add_run(OTHER)
    start(limits={"concurrent_runs": 2})
    eventually(lambda: engine.pulls)
    second = server.add_run(OTHER)
    server.wait(lambda: server.claims[-1]["pulling"] == [OTHER])
    engine.registry_answers.set()
    server.wait(lambda: [first.status, second.status] == ["running"] * 2)
    released.set()
    server.wait(lambda: second.status == "completed")
