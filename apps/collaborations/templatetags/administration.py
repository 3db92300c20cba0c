"""What the head of every page offers: not everybody may send, or administer."""

from typing import Any

from django import template

from apps.collaborations import selectors

register = template.Library()


@register.simple_tag
def ways_of(user: Any) -> selectors.Ways:
    """The same questions as are asked at those doors."""
    return selectors.ways_of(user)
