"""The one clock: named, repeatable sweeps. Each is a service of its app."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connection

from apps.accounts.sweeps import delete_expired_tokens
from apps.audit.chain import chain_events
from apps.nodes.sweeps import delete_old_online_days, tell_of_silent_nodes
from apps.results.sweeps import delete_abandoned_uploads, delete_orphaned_bytes
from apps.tasks.idempotency import sweep_idempotency_keys
from apps.tasks.sweeps import expire_tasks

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 15
LOCK = 0x50544D  # "PTM"

SWEEPS: dict[str, Callable[[], int]] = {
    "tasks past their deadline": expire_tasks,
    "nodes that have gone silent": tell_of_silent_nodes,
    "days on which nodes were online, long ago": delete_old_online_days,
    "uploads that nobody finishes": delete_abandoned_uploads,
    "bytes of no upload": delete_orphaned_bytes,
    "expired access tokens": delete_expired_tokens,
    "old idempotency keys": sweep_idempotency_keys,
    "events without a number": chain_events,
}


def sweep_all() -> None:
    """Run every sweep once; one that fails does not keep the others from running."""
    close_old_connections()
    with _only_worker() as alone:
        for name, sweep in SWEEPS.items() if alone else ():
            try:
                if count := sweep():
                    logger.info("Swept %s: %s", name, count)
            except Exception:
                logger.exception("The sweep of %s failed", name)
    close_old_connections()


@contextmanager
def _only_worker() -> Iterator[bool]:
    """Hold PostgreSQL's advisory lock; SQLite means one process, thus one worker."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        alone: bool = cursor.fetchone()[0]
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
