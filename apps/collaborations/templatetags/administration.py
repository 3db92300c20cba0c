"""Whether a page shows the way into the administration."""

from typing import Any

from django import template

from apps.collaborations import selectors

register = template.Library()


@register.filter
def may_enter(user: Any) -> bool:
    """The same question that the administration asks at its door."""
    return selectors.reads_audit(user)
