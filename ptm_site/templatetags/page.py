"""How times, sizes, icons and people's words look on every page."""

from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

register = template.Library()

UNITS = ("bytes", "kB", "MB", "GB", "TB")


@register.simple_tag
@lru_cache
def icon(name: str) -> SafeString:
    """A picture beside a word; never without the word, so hidden from readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("dist/icons.svg"),
        name,
    )


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """A point in time: UTC as written, the reader's own once scripts run."""
    if at is None:
        return "—"
    utc = timezone.localtime(at, timezone=timezone.get_default_timezone())
    return format_html(
        '<time datetime="{}" data-show="moment" title="{} UTC">{} UTC</time>',
        at.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        utc.strftime("%-d %b %Y, %H:%M"),
    )


@register.simple_tag
def age(since: datetime | None) -> SafeString | str:
    """How long ago, or how long already; grows by itself once scripts run."""
    if since is None:
        return "—"
    return format_html(
        '<time datetime="{}" data-show="age" title="{} UTC">{}</time>',
        since.isoformat(),
        since.strftime("%Y-%m-%d %H:%M:%S"),
        span_in_words(timezone.now() - since),
    )


@register.filter
def in_words(span: timedelta | None) -> str:
    """A length of time, in the two largest units that matter."""
    return "—" if span is None else span_in_words(span)


def span_in_words(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    start = timezone.now() - span
    return timesince(start).replace("\xa0", " ")


@register.filter
def size(number: int | None) -> str:
    """Bytes in the unit that a person would choose."""
    if number is None:
        return "—"
    value = float(number)
    for unit in UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} {UNITS[-1]}"
