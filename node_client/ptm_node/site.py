"""What all parts of the daemon share."""

from dataclasses import dataclass
from pathlib import Path

from ptm_node.audit import Audit
from ptm_node.columns import Columns
from ptm_node.journal import Journal
from ptm_node.life import Life
from ptm_node.logs import LogFolder
from ptm_node.messages import Key
from ptm_node.progress import Progress
from ptm_node.runtimes.base import Runtime
from ptm_node.sections import Config
from ptm_node.server_api import ServerApi
from ptm_node.sources import Sources
from ptm_node.spool import Spool


@dataclass(frozen=True, slots=True)
class Site:
    config: Config
    life: Life
    journal: Journal
    audit: Audit
    api: ServerApi
    runtime: Runtime
    spool: Spool
    sources: Sources
    columns: Columns
    logs: LogFolder
    work: Path
    progress: Progress

    def work_folder(self, key: Key) -> Path:
        """The files that one attempt's container sees."""
        return self.work / str(key)
