"""Where runs and results wait for the site's people, and go on when these have said."""

import logging

from ptm_node import decisions
from ptm_node.errors import RunFailure
from ptm_node.journal import Phase, Row
from ptm_node.messages import Code, Status
from ptm_node.roster import Roster
from ptm_node.rules import decide, question_of
from ptm_node.site import Site

log = logging.getLogger(__name__)

_WAITING = (Phase.AWAITING_APPROVAL, Phase.AWAITING_RELEASE)


class Desk:
    """Holds nothing itself: the journal says what waits, the audit what was said."""

    def __init__(self, site: Site, roster: Roster) -> None:
        self._site = site
        self._roster = roster

    def step(self, *, may_begin: bool) -> None:
        for row in self._site.journal.rows():
            waits = row.phase in _WAITING and row.stop is None
            # An attempt whose thread still tidies up comes back when it has ended.
            if waits and not self._roster.has(row.key):
                self._settle(row, may_begin)

    def _settle(self, row: Row, may_begin: bool) -> None:
        verdict = decide(self._site.config, question_of(row.assignment))
        standing = decisions.standing(self._site.audit, row, verdict.terms)
        approved = len(standing.names) >= verdict.terms.approvers
        if standing.refusal is not None:
            self._refuse(row, standing.refusal)
        elif row.output is not None:
            if approved:
                log.info("the result of run %s may leave", row.key)
                self._roster.outbox.result(row.key, row.output)
        elif may_begin and (verdict.answer != "ask" or approved):
            self._approve(row)  # where changed rules would refuse it

    def _approve(self, row: Row) -> None:
        log.info("run %s may begin", row.key)
        self._site.journal.approved(row.key)
        approved = self._site.journal.row(row.key)
        if approved is not None:
            self._roster.begin([approved])

    def _refuse(self, row: Row, reason: str) -> None:
        release = row.phase is Phase.AWAITING_RELEASE
        what = "the site withheld the result" if release else "the site said no"
        shared = reason and self._site.config.policy.share_reasons
        failure = RunFailure(
            Code.APPROVAL_DENIED,
            f"{what}: {reason}" if shared else what,
            status=Status.WITHHELD if release else Status.REJECTED,
        )
        log.info("run %s: %s", row.key, failure)
        self._roster.outbox.last_word(row.key, failure.report(row.key))
