"""How long a node was heard on each day, counted as its words arrive."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection

from apps.nodes.models import Node

# One statement, so that two that arrive at once both count.
ADD = """
INSERT INTO nodes_onlineday (node_id, day, seconds) VALUES (%s, %s, %s)
ON CONFLICT (node_id, day)
DO UPDATE SET seconds = nodes_onlineday.seconds + excluded.seconds
"""


def add_online_time(node: Node, now: datetime) -> None:
    """Count the time since the node was last heard, unless it was offline meanwhile."""
    if node.last_seen_at is None or not node.online_at(now):
        return
    with connection.cursor() as cursor:
        for day, seconds in by_day(node.last_seen_at, now):
            written = connection.ops.adapt_datefield_value(day)
            cursor.execute(ADD, [node.pk, written, seconds])


def by_day(since: datetime, until: datetime) -> Iterator[tuple[date, float]]:
    """Split a span at the midnights of UTC: each day, and its seconds."""
    while since < until:
        day = since.astimezone(UTC).date()
        end = min(midnight(day + timedelta(days=1)), until)
        yield day, (end - since).total_seconds()
        since = end


def midnight(day: date) -> datetime:
    """The first moment of the day."""
    return datetime.combine(day, time.min, UTC)
