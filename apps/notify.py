"""The one way to send a hint: after commit, ids only, and never a reason to fail."""

import asyncio
import logging
from functools import partial
from typing import Any, cast

from asgiref.sync import SyncToAsync, async_to_sync
from channels.layers import BaseChannelLayer, get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)


Hint = dict[str, Any]


def hint(group: str, **ids: int) -> Hint:
    return {"type": "hint", "group": group, **ids}


def notify(*hints: Hint) -> None:
    """Send them once the present transaction is committed.

    Several at once cost hardly more than one: each call wakes the event loop.
    """
    transaction.on_commit(partial(_send, hints))


def _send(hints: tuple[Hint, ...]) -> None:
    """On the server's event loop, if one waits for this thread; nobody waits for it."""
    loop = getattr(SyncToAsync.threadlocal, "main_event_loop", None)
    if loop is not None and loop.is_running():
        loop.call_soon_threadsafe(_begin, hints)
    else:
        async_to_sync(_send_each)(hints)


# The event loop itself does not keep a task from being collected.
_sending: set[asyncio.Task[None]] = set()


def _begin(hints: tuple[Hint, ...]) -> None:
    task = asyncio.ensure_future(_send_each(hints))
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _send_each(hints: tuple[Hint, ...]) -> None:
    layer = cast(BaseChannelLayer, get_channel_layer())
    for each in hints:
        try:
            await layer.group_send(each["group"], each)
        except Exception:
            # Whoever missed the hint reads the rows within 30 s.
            logger.warning("A hint to %s was lost", each["group"], exc_info=True)
