"""The one clock: named, repeatable sweeps. Each is a service of its app."""

import logging
from collections.abc import Callable

from django.db import close_old_connections

from apps.accounts.sweeps import delete_expired_tokens
from apps.results.sweeps import delete_abandoned_uploads
from apps.tasks.idempotency import sweep_idempotency_keys
from apps.tasks.sweeps import expire_tasks

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 15

SWEEPS: dict[str, Callable[[], int]] = {
    "tasks past their deadline": expire_tasks,
    "uploads that nobody finishes": delete_abandoned_uploads,
    "expired access tokens": delete_expired_tokens,
    "old idempotency keys": sweep_idempotency_keys,
}


def sweep_all() -> None:
    """Run every sweep once; one that fails does not keep the others from running."""
    close_old_connections()
    for name, sweep in SWEEPS.items():
        try:
            if count := sweep():
                logger.info("Swept %s: %s", name, count)
        except Exception:
            logger.exception("The sweep of %s failed", name)
    close_old_connections()
