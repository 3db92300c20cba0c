"""Whether a node is there, and was, in words."""

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.nodes.models import Node
from apps.nodes.uptime import uptime_of
from ptm_site.templatetags.page import moment

register = template.Library()


@register.simple_tag
def presence(node: Node) -> SafeString:
    if node.revoked_at is not None:
        return _dot("revoked", "Revoked ", moment(node.revoked_at))
    if node.is_online:
        return _dot("online", "Online", "")
    if node.last_seen_at is None:
        return _dot("offline", "Never connected", "")
    return _dot("offline", "Offline since ", moment(node.last_seen_at))


def _dot(name: str, words: str, since: str) -> SafeString:
    return format_html(
        '<span class="presence presence-{}"><span>{}{}</span></span>',
        name,
        words,
        since,
    )


@register.inclusion_tag("nodes/days.html")
def days_online(node: Node) -> dict[str, object]:
    """The last 30 days. Prefetch `online_days` where there are several nodes."""
    return {"uptime": uptime_of(node, timezone.now())}
