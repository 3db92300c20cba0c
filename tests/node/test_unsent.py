"""Results and last words that an earlier life had not sent, or not heard taken."""

from contextlib import closing

import pytest
from ptm_node.audit import Audit
from ptm_node.messages import Code, Report, Status
from ptm_node.runtimes.fake import FakeEngine

from tests.node.conftest import StartDaemon
from tests.node.fake_server import FakeServer
from tests.node.harness import wait_until_clean
from tests.node.past import KEY, Past, audited, completed


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
