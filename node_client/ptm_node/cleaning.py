"""The daemon's own `gc`: once a day, and each hour while a disk is short of room."""

import logging
import shutil
from pathlib import Path

import docker
import requests
from docker.errors import DockerException
from msgspec.structs import replace

from ptm_node.clock import Clock
from ptm_node.errors import RunFailure
from ptm_node.rubbish import Collector
from ptm_node.runtimes.docker import DockerRuntime
from ptm_node.sections import Config, Size
from ptm_node.status import open_journal

log = logging.getLogger(__name__)

_LITTLE = 5 << 30
_HOUR = 3600.0
_DAY = 24 * _HOUR
_KEPT = 30 * _DAY
_CLEANED = "cleaned"


class Cleaner:
    """On a short disk no image stays that was unused for a day, whatever the bound."""

    def __init__(self, config: Config, runtime: DockerRuntime, clock: Clock) -> None:
        self._config = config
        self._state = Path(config.node.state)
        self._runtime = runtime
        self._clock = clock

    def look(self) -> None:
        """Cleans if it is time."""
        if not self._runtime.ready:
            return
        try:
            self._look(self._runtime.client)
        except (
            RunFailure,
            DockerException,
            requests.RequestException,
            OSError,
        ) as error:
            log.warning("cleaning was cut short: %s", error)

    def _look(self, client: docker.APIClient) -> None:
        short = self._is_short(client)
        if not self._is_due(_HOUR if short else _DAY):
            return
        config, kept = self._config, _KEPT
        if short:
            limits = replace(config.limits, image_cache=Size(0))
            config, kept = config._replace(limits=limits), _DAY
        collector = Collector(config, self._runtime, client, kept, dry_run=False)
        found = list(collector.collect())
        if found:
            freed = Size(sum(each.size for each in found)).in_words
            log.info("removed %d things that no run needs: %s", len(found), freed)

    def _is_due(self, seconds: float) -> bool:
        """Whether so much time has passed; then it begins anew, over any restart."""
        now = self._clock.now()
        with open_journal(self._state) as journal:
            # A clock that was set back must not put it off for years.
            if 0 <= now - float(journal.noted(_CLEANED) or 0) < seconds:
                return False
            journal.note(_CLEANED, now)
        return True

    def _is_short(self, client: docker.APIClient) -> bool:
        folders = [self._state, Path(client.info()["DockerRootDir"])]
        for folder in folders:
            # An engine on another machine has its folder there.
            if folder.exists() and shutil.disk_usage(folder).free < _LITTLE:
                log.warning("little room is left at %s", folder)
                return True
        return False
