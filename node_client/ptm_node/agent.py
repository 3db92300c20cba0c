"""The daemon: puts the parts together, starts their threads, and ends them in order."""

import logging
import threading
import uuid
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ptm_node import __version__
from ptm_node.audit import Audit
from ptm_node.channel import Channel
from ptm_node.clock import Clock
from ptm_node.columns import Columns
from ptm_node.dispatch import Dispatcher
from ptm_node.errors import NodeError, Revoked
from ptm_node.journal import Journal
from ptm_node.life import Life
from ptm_node.logs import LogFolder
from ptm_node.progress import Progress, Silent
from ptm_node.roster import Roster
from ptm_node.runtimes.base import Runtime
from ptm_node.sections import Config
from ptm_node.server_api import ServerApi
from ptm_node.site import Site
from ptm_node.sources import Sources
from ptm_node.spool import Spool
from ptm_node.state import take_state

log = logging.getLogger(__name__)

_JOIN_SECONDS = 3.0
_CHORE_SECONDS = 600.0


class Agent:
    def __init__(
        self,
        config: Config,
        key: str,
        runtime: Runtime,
        clock: Clock | None = None,
        progress: Progress | None = None,
        chore: Callable[[], None] = lambda: None,
    ) -> None:
        self._chore = chore
        self._lock = take_state(Path(config.node.state))
        self._life = Life(clock or Clock())
        instance = str(uuid.uuid4())
        api = ServerApi(config.server, key, instance)
        self._site = _site(config, self._life, api, runtime, progress or Silent())
        self._roster = Roster(
            self._site, on_slot=self._slot_freed, on_left_over=self._left_over
        )
        self._roster.outbox.load(self._site.journal.rows())
        self._dispatcher = Dispatcher(
            self._site, self._roster, instance, on_welcome=self._welcomed
        )
        self._channel = Channel(config.server, api, self._life, on_look=self.heed)
        self._threads: list[threading.Thread] = []
        self._welcome = threading.Event()
        for wake in (self.heed, self._roster.wake, self._roster.outbox.wake):
            self._life.on_leaving(wake)

    def serve(self) -> None:
        """Works until it is told to end, and raises Terminal if the server does so."""
        config = sha256(repr(self._site.config).encode()).hexdigest()
        self._site.audit.record("daemon.started", version=__version__, config=config)
        self._site.runtime.open(self._dispatcher.tidy_up)
        self._dispatcher.await_runtime()
        self._repeat("claims", lambda: self._dispatcher.look(self._channel))
        self._repeat("chore", self._do_chore)
        self._life.draining.wait()
        log.info("draining: no new runs, those that run may end")
        self._drain()
        self._close()
        if self._life.error is not None:
            raise self._life.error

    def drain(self) -> None:
        """Begins nothing new and ends when all that runs has ended."""
        self._life.draining.set()

    def leave(self) -> None:
        """Ends now. Containers go on, and are adopted by the next start."""
        self._life.leave()

    def heed(self) -> None:
        """Looks at once: for work, and for what a command beside it changed."""
        self._dispatcher.wake()

    def _slot_freed(self) -> None:
        self._dispatcher.slot_freed()

    def _left_over(self) -> None:
        self._dispatcher.tidy_up()

    def _welcomed(self) -> None:
        """Nothing else may be said to the server before it has answered the hello."""
        self._welcome.set()
        self._repeat("outbox", self._roster.outbox.step)
        self._repeat("heartbeat", self._dispatcher.beat)
        self._repeat("socket", self._channel.step)
        if self._site.columns.are_shared:
            self._repeat("columns", self._site.columns.step)

    def _do_chore(self) -> None:
        self._chore()
        self._life.pause(_CHORE_SECONDS)

    def _repeat(self, name: str, step: Callable[[], None]) -> None:
        self._threads.append(self._life.repeat(name, step))

    def _drain(self) -> None:
        if self._welcome.is_set():
            self._roster.give_back_waiting()
        self._roster.wait_until_idle()
        if self._welcome.is_set():
            self._roster.outbox.wait_until_sent()

    def _close(self) -> None:
        cut_short = self._life.leaving.is_set()
        self._life.leave()
        self._channel.close()
        # The first claims, perhaps held by the server, which a goodbye can release.
        claims, *others = self._threads
        for thread in others:
            thread.join(_JOIN_SECONDS)
        if isinstance(self._life.error, Revoked):
            self._roster.remove_containers()
            self._roster.join(_JOIN_SECONDS)  # its runs tidy up before the engine goes
        elif self._life.error is None and self._welcome.is_set():
            self._take_leave(cut_short)
        claims.join(_JOIN_SECONDS)
        self._site.runtime.close()
        self._site.api.transport.close()
        self._roster.join(_JOIN_SECONDS)
        self._site.journal.close()
        self._site.audit.close()
        self._lock.close()

    def _take_leave(self, cut_short: bool) -> None:
        try:
            if cut_short:
                self._roster.give_back_unstarted()
                self._roster.outbox.say_last_words()
            self._site.api.goodbye()
        except NodeError as error:
            log.debug("no goodbye: %s", error)


def _site(
    config: Config, life: Life, api: ServerApi, runtime: Runtime, progress: Progress
) -> Site:
    state = Path(config.node.state)
    return Site(
        config=config,
        life=life,
        journal=Journal(state / "journal.sqlite3"),
        audit=Audit(state / "audit.sqlite3"),
        api=api,
        runtime=runtime,
        spool=Spool(state / "spool"),
        sources=Sources(state / "cache", config, life),
        columns=Columns(config, life),
        logs=LogFolder(state / "logs"),
        work=_folder(state / "work"),
        progress=progress,
    )


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
