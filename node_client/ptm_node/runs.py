"""One attempt of a run, from its row in the journal to a word in the outbox.

`Attempt.execute` reads from top to bottom in the order in which things happen.
"""

import contextlib
import logging
import shutil
import threading
from typing import Protocol

from ptm_node import confirming, decisions, disclosure, policy
from ptm_node.contracts import ptm
from ptm_node.deliveries import LogTail
from ptm_node.endings import failure_of, judge
from ptm_node.errors import (
    AttemptGone,
    AwaitsDecision,
    DaemonLeaving,
    RunFailure,
)
from ptm_node.journal import Row
from ptm_node.logs import LogKeeper
from ptm_node.messages import Code, Status
from ptm_node.outbox import Outbox
from ptm_node.relays import CARRIED, Relay, Relays
from ptm_node.rules import decide, question_of
from ptm_node.runtimes.base import Exit, Handle
from ptm_node.site import Site

log = logging.getLogger(__name__)

_LAST_LINES_SECONDS = 5.0
_LOG_PACE_SECONDS = 1.0


class Slot(Protocol):
    """An attempt's place among those that may run at once."""

    def leave(self, attempt: "Attempt") -> None:
        """Nothing of it runs for a while: another may have its place."""

    def take_again(self, attempt: "Attempt") -> None:
        """Returns when it has a place, or when it is not wanted any more."""


class Attempt:
    """Lives in a thread of its own; only `stop` is for other threads."""

    def __init__(self, row: Row, site: Site, outbox: Outbox, slot: Slot) -> None:
        self.key = row.key
        self.image = row.assignment.image
        self._slot = slot
        self._row = row
        self._site = site
        self._outbox = outbox
        self._folder = site.work_folder(row.key)
        self._terms = decide(site.config, question_of(row.assignment)).terms
        self._handle = Handle(row.key, row.container) if row.container else None
        self._running = threading.Event()
        self.unwanted = row.stop
        self.left_over = False  # a container that could not be removed
        self._relays = Relays(self._relay_closed)
        self._log: LogKeeper | None = None
        self._tail = LogTail(outbox, row.key, site.logs.path(row.key))

    def execute(self) -> None:
        try:
            handle = self._adopt(self._handle) if self._handle else self._launch()
            self._attend(handle)
            ending = self._await_end(handle)
            self._raise_if_unwanted()
            judge(ending, self._terms.limits, ptm.output_file(self._folder))
            self._keep_result()
        except DaemonLeaving:
            self._relays.close()
            return  # the container goes on, and the next start adopts it
        except AwaitsDecision as waits:
            log.info("run %s: %s", self.key, waits)
        except AttemptGone as gone:
            self.unwanted = gone.reason
        except Exception as error:
            self._report(error)
        self._clean_up()

    def stop(self, reason: str) -> None:
        """Ends the container early; the attempt's own thread does the rest."""
        self.unwanted = reason
        if self._running.is_set():
            threading.Thread(target=self._stop_container, daemon=True).start()

    def remove_container(self) -> None:
        if self._handle is not None:
            self.left_over = not self._site.runtime.remove(self._handle)

    def _launch(self) -> Handle:
        """Starts a container, once the site's rules and the server have agreed."""
        config = self._site.config
        permit = policy.check(config, self._row.assignment)
        self._await_approval()
        confirmation = confirming.ask(self._site, self.key, self._raise_if_unwanted)
        self._site.audit.record("run.accepted", **decisions.facts_of(self._row))
        self._make_folder()
        self._relays.open(permit.databases, self._folder)
        sources = self._site.sources.provide(
            permit.databases, self._folder, before_query=confirmation.result
        )
        spec = ptm.lay_out(self._row.assignment, permit, sources, config, self._folder)

        def before_pull() -> None:
            confirmation.result()
            self._slot.leave(self)

        # The container is made while the answer is on its way, and not before the
        # answer is there is anything pulled or started.
        handle = self._site.runtime.prepare(spec, before_pull)
        self._handle = handle
        self._slot.take_again(self)
        confirmation.result()
        self._raise_if_unwanted()
        self._site.runtime.start(handle)
        self._outbox.notice(self.key, Status.RUNNING)
        started_at = self._site.life.clock.now()
        self._site.journal.started(self.key, handle.id, started_at)
        return handle

    def _adopt(self, handle: Handle) -> Handle:
        """What it was given is there still, but for relays, which end with a daemon."""
        try:
            permit = policy.check(self._site.config, self._row.assignment)
            self._relays.open(permit.databases, self._folder)
        except (RunFailure, OSError) as error:
            log.warning("run %s goes on without its relays: %s", self.key, error)
        return handle

    def _make_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)  # of a start that was cut short
        self._folder.mkdir(mode=0o700)

    def _await_approval(self) -> None:
        """Raises AwaitsDecision if somebody has to say yes, and nobody has yet."""
        terms = self._terms
        if terms.approval == "never":
            return
        standing = decisions.standing(self._site.audit, self._row, terms)
        if standing.refusal is None and len(standing.names) >= terms.approvers:
            return
        self._site.journal.awaits_approval(self.key, self._site.life.clock.now())
        self._outbox.notice(self.key, Status.AWAITING_APPROVAL)
        raise AwaitsDecision("waits for an approval")

    def _attend(self, handle: Handle) -> None:
        """Sees to a container that runs, started a moment or a daemon's life ago."""
        self._running.set()
        if self.unwanted:  # said between the last look and the start
            self._stop_container()
        site = self._site
        site.logs.make_room()
        self._log = LogKeeper(
            site.runtime,
            handle,
            site.logs.path(self.key),
            limit=self._terms.limits.log,
            on_growth=self._on_log,
        )
        self._log.start()

    def _on_log(self) -> None:
        if self._site.config.policy.share_log:
            self._outbox.add(self._tail, after=_LOG_PACE_SECONDS)

    def _await_end(self, handle: Handle) -> Exit:
        ending = self._site.runtime.wait(handle, self._seconds_left())
        if ending is not None:
            return ending
        if self._site.life.leaving.is_set():
            raise DaemonLeaving("the daemon leaves")
        self._stop_container()
        self._raise_if_unwanted()
        limit = self._terms.limits.time
        raise RunFailure(Code.TIMED_OUT, f"stopped after {limit:g} seconds")

    def _keep_result(self) -> None:
        site, limits = self._site, self._terms.limits
        output = site.spool.keep(ptm.output_file(self._folder), self.key, limits.output)
        disclosure.check(site.spool.path(self.key), site.config.policy)
        log.info("run %s: a result of %d bytes", self.key, output.size)
        if self._terms.release == "auto":
            self._outbox.result(self.key, output)
            return
        site.journal.awaits_release(self.key, output, site.life.clock.now())
        self._outbox.notice(self.key, Status.AWAITING_RELEASE)
        raise AwaitsDecision("its result waits for a release")

    def _report(self, error: Exception) -> None:
        failure = failure_of(error)
        log.info("run %s: %s", self.key, failure)
        report = failure.report(self.key)
        self._site.life.insist(lambda: self._outbox.last_word(self.key, report))

    def _clean_up(self) -> None:
        """Leaves nothing behind but what waits to be sent, and the log."""
        if self._log is not None:
            self._log.finish(_LAST_LINES_SECONDS)
        self.remove_container()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._relays.close()

    def _relay_closed(self, label: str, relay: Relay) -> None:
        facts = {name: getattr(relay, name) for name in CARRIED}
        site, (run, attempt) = self._site, self.key
        with contextlib.suppress(DaemonLeaving):
            site.life.insist(
                lambda: site.audit.record(
                    "relay.closed", run=run, attempt=attempt, database=label, **facts
                )
            )

    def _stop_container(self) -> None:
        if self._handle is not None:
            grace = self._site.config.limits.stop_grace
            self._site.runtime.stop(self._handle, grace)

    def _seconds_left(self) -> float:
        started_at = self._row.started_at
        limit = self._terms.limits.time
        if started_at is None:  # just now
            return limit
        return max(limit - (self._site.life.clock.now() - started_at), 0.0)

    def _raise_if_unwanted(self) -> None:
        if self.unwanted:
            raise AttemptGone(self.unwanted)
