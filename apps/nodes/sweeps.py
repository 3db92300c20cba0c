from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.events import notify_presence
from apps.nodes.models import Node, OnlineDay

ONLINE_DAYS_KEPT = timedelta(days=60)


@transaction.atomic
def tell_of_silent_nodes() -> int:
    """Tell watchers of nodes that have gone silent; what they hold stays theirs."""
    silent = Node.objects.filter(
        told_online=True, last_seen_at__lt=timezone.now() - ONLINE_WITHIN
    )
    rows = list(silent.values_list("pk", "organization"))
    silent.filter(pk__in=[pk for pk, _ in rows]).update(told_online=False)
    for organization in {organization for _, organization in rows}:
        notify_presence(organization)
    return len(rows)


def delete_old_online_days() -> int:
    last = timezone.now() - ONLINE_DAYS_KEPT
    deleted: int = OnlineDay.objects.filter(day__lt=last.date()).delete()[0]
    return deleted
