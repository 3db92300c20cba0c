"""Takes up what an earlier life left, and removes what belongs to no run."""

import logging
import os
import shutil

from ptm_node.contracts import ptm
from ptm_node.errors import RunFailure
from ptm_node.journal import Phase
from ptm_node.roster import Roster
from ptm_node.runtimes.base import Recovered
from ptm_node.site import Site

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 600.0


class Recovery:
    """Compares containers and files with the journal, which is right.

    What runs is attended at once, whether the server can be reached or not. What has
    not started waits for the hello: the server may want it no more.

    Once after each start, whenever the container engine has come back or could not
    remove a container, and now and then, for what it may have done after all.
    """

    def __init__(self, site: Site, roster: Roster) -> None:
        self._site = site
        self._roster = roster
        self._due_at = 0.0
        self._begun = False
        self.done = False

    def hurry(self) -> None:
        self._due_at = 0.0

    def begin_unstarted(self) -> None:
        """Takes up what has no container yet; only after the hello."""
        if self._begun or not self.done:
            return
        self._begun = True
        rows = self._site.journal.rows()
        self._roster.begin(
            [r for r in rows if r.phase is Phase.CLAIMED and r.stop is None]
        )

    def step(self) -> None:
        now = self._site.life.clock.monotonic()
        if now < self._due_at or not self._site.runtime.ready:
            return
        self._due_at = now + _SWEEP_SECONDS  # before the look: what follows may hurry
        try:
            found = self._site.runtime.recover()
        except RunFailure as failure:
            log.warning("%s", failure)
            self.hurry()
            return
        for each in found:
            self._settle(each)
        if not self.done:
            self._take_up()
            self.done = True

    def _settle(self, found: Recovered) -> None:
        key = found.handle.key
        if self._roster.has(key):
            return
        row = self._site.journal.row(key)
        phase = row.phase if row and self._is_of_this_state(found) else None
        if phase is Phase.CLAIMED and found.started:
            # The daemon ended between the start and the note of it.
            now = self._site.life.clock.now()
            self._site.journal.started(key, found.handle.id, now)
        elif phase is not Phase.STARTED:
            log.info("removing the left-over container of run %s", key)
            self._site.runtime.remove(found.handle)

    def _is_of_this_state(self, found: Recovered) -> bool:
        """Not if this is a copy of the state folder: the result would be elsewhere."""
        output = ptm.output_file(self._site.work_folder(found.handle.key))
        return os.path.realpath(output) in map(os.path.realpath, found.sources)

    def _take_up(self) -> None:
        rows = self._site.journal.rows()
        self._site.spool.sweep({row.key for row in rows})
        started = [row for row in rows if row.phase is Phase.STARTED]
        kept = {str(row.key) for row in started}
        for folder in self._site.work.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        self._roster.begin(started)
