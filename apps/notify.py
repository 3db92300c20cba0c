"""The one way to send a hint: after commit, ids only, and never a reason to fail."""

import logging
from functools import partial
from typing import cast

from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)


def notify(group: str, **message: object) -> None:
    """Send `message` to `group` once the present transaction is committed."""
    transaction.on_commit(
        partial(_send, group, {"type": "hint", "group": group, **message})
    )


def _send(group: str, message: dict[str, object]) -> None:
    layer = cast(BaseChannelLayer, get_channel_layer())
    try:
        async_to_sync(layer.group_send)(group, message)
    except Exception:
        # Whoever missed the hint reads the rows within 30 s.
        logger.warning("A hint to %s was lost", group, exc_info=True)
