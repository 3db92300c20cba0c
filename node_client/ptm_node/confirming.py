"""Asks the server whether an attempt may begin, while its container is made."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from ptm_node.clock import Backoff
from ptm_node.errors import AttemptGone, DaemonLeaving, RunFailure, Terminal, Trouble
from ptm_node.messages import Code, Key, Report, Status
from ptm_node.site import Site


def ask(site: Site, key: Key, raise_if_unwanted: Callable[[], None]) -> Future[None]:
    """The future's result is there when the server has agreed to this attempt."""
    confirmation: Future[None] = Future()

    def wait_for_it() -> None:
        try:
            _confirm(site, key, raise_if_unwanted)
            confirmation.set_result(None)
        except Exception as error:
            confirmation.set_exception(error)

    threading.Thread(target=wait_for_it, daemon=True).start()
    return confirmation


def _confirm(site: Site, key: Key, raise_if_unwanted: Callable[[], None]) -> None:
    life = site.life
    backoff = Backoff(life.clock)
    report = Report(key.attempt, Status.PREPARING)
    while True:
        try:
            if site.api.report(key.run, report).stop:
                raise AttemptGone("cancelled")
            return
        except Trouble as trouble:
            delay = backoff.delay(trouble.retry_after)
        except Terminal as error:
            life.fail(error)
            raise DaemonLeaving(str(error)) from None
        raise_if_unwanted()
        if life.clock.wait(life.draining, delay):
            raise give_back()


def give_back() -> RunFailure:
    """For a run that has not started when the daemon is told to end."""
    detail = "the node was stopped before it began"
    return RunFailure(Code.NODE_STOPPING, detail, status=Status.QUEUED)
