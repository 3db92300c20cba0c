"""A state as a badge: word, icon and colour, the same on every page."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.tasks.choices import LOOKS, RunStatus
from ptm_site.templatetags.page import icon

register = template.Library()


@register.simple_tag
def state(status: str) -> SafeString:
    look = LOOKS[RunStatus(status)]
    return format_html(
        '<span class="state state-{}">{} {}</span>',
        look.colour,
        icon(look.icon),
        RunStatus(status).label.capitalize(),
    )
