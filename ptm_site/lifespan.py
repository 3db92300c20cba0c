"""Starts and ends the embedded worker with the server process, or refuses to start."""

import asyncio
import contextlib
import gc
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from ptm_site.schema_version import why_not_served
from ptm_site.worker import PERIOD_SECONDS, sweep_all


class Lifespan:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # lifespan.startup
        if reason := await sync_to_async(why_not_served)():
            await send({"type": "lifespan.startup.failed", "message": reason})
            return
        _keep_what_is_loaded()
        worker = asyncio.ensure_future(_work()) if settings.EMBEDDED_WORKER else None
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        await send({"type": "lifespan.shutdown.complete"})


def _keep_what_is_loaded() -> None:
    """Look for garbage among what requests leave, and no more among the code.

    That is soon done, and often enough: what a socket or a request leaves would
    otherwise lie about until there is as much of it as there is code.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # so that it knows how little the rest is
    gc.set_threshold(2_000, 5, 5)


async def _work() -> None:
    # sync_to_async, not a bare thread: hints must reach this event loop.
    while True:
        await sync_to_async(sweep_all, thread_sensitive=False)()
        await asyncio.sleep(PERIOD_SECONDS)
