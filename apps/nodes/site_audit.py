"""What a node says of its site's own audit: kept, so that it cannot say otherwise."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.audit.actors import Actor
from apps.audit.services import record
from apps.nodes.models import Node

# How often a head that has moved on is noted in our own audit.
NOTED_EVERY = timedelta(hours=1)
# By these a late copy of an older word is told from a chain that was written anew.
KEPT = 20


def record_site_audit(*, node: Node, number: int, sha256: str) -> None:
    """Keep the newest head of the chain; one that goes back is an event."""
    head: list[int | str] = [number, sha256]
    if head not in node.audit_heads:  # else there is nothing to lock for
        _keep(node, number, head)


@transaction.atomic
def _keep(node: Node, number: int, head: list[int | str]) -> None:
    node.refresh_from_db(from_queryset=Node.objects.select_for_update())
    if head in node.audit_heads:  # another copy of this word was faster
        return
    now = timezone.now()
    newest = node.audit_heads[-1] if node.audit_heads else None
    if newest is not None and number <= newest[0]:
        _note(node, "node.audit_went_back", newest, head)
    elif node.audit_noted_at is None or now - node.audit_noted_at >= NOTED_EVERY:
        _note(node, "node.audit_head", newest, head)
        node.audit_noted_at = now
    node.audit_heads = [*node.audit_heads, head][-KEPT:]
    node.save(update_fields=("audit_heads", "audit_noted_at"))


def _note(node: Node, action: str, before: object, after: object) -> None:
    record(
        actor=Actor.node(node.pk),
        action=action,
        object_type="node",
        object_id=node.pk,
        organization=node.organization_id,
        before=before,
        after=after,
    )
