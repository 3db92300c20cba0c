"""How values look in lists and on pages of the administration: always escaped."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ptm_site.templatetags import page

NOTHING = "—"
JSON_SHOWN = 100_000


def words(text: object) -> SafeString | str:
    """A stranger's words: wrapped, and unable to turn the words beside them around."""
    return format_html('<span class="anything">{}</span>', text) if text else NOTHING


def time(at: datetime | None) -> SafeString | str:
    return page.moment(at)


def age(since: datetime | None) -> SafeString | str:
    return format_html("{}\u00a0ago", page.age(since)) if since else NOTHING


def link(obj: Model | None, text: object = "") -> SafeString | str:
    """The object's page here."""
    if obj is None:
        return NOTHING
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    return format_html(
        '<a class="inline" href="{}">{}</a>',
        reverse(name, args=[obj.pk]),
        words(text or obj),
    )


def in_portal(name: str, pk: int, text: object) -> SafeString:
    where = reverse(name, args=[pk])
    return format_html('<a class="inline" href="{}">{}</a>', where, text)


def list_link(model: str, text: object, **filters: Any) -> SafeString:
    """A list here, filtered: `list_link("nodes_node", "2 nodes", organization=7)`."""
    where = list_address(model, **filters)
    return format_html('<a class="inline" href="{}">{}</a>', where, text)


def history_link(obj: Model) -> SafeString:
    """What the audit has of it, as far as the reader reads that."""
    kind = str(obj._meta.model_name)
    return list_link("audit_event", "Who changed what, and when", **{kind: obj.pk})


def list_address(model: str, **filters: Any) -> str:
    query = f"?{urlencode(filters)}" if filters else ""
    return reverse(f"admin:{model}_changelist") + query


def several(parts: Iterable[object]) -> SafeString | str:
    """One below the other."""
    rows = [(part,) for part in parts]
    if not rows:
        return NOTHING
    lines = format_html_join("", "<li>{}</li>", rows)
    return format_html('<ul class="lines">{}</ul>', lines)


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def code(text: object) -> SafeString | str:
    return format_html('<code class="anything">{}</code>', text) if text else NOTHING


def as_json(value: object) -> SafeString:
    """Indented, as text; cut where nobody would read on."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    cut = text[:JSON_SHOWN] + ("\n…" if len(text) > JSON_SHOWN else "")
    return format_html('<pre class="json anything" tabindex="0">{}</pre>', cut)


def badge(look: tuple[str, str, str]) -> SafeString:
    """A state as the portal shows it: its colour, icon and word."""
    colour, icon, word = look
    return format_html(
        '<span class="state state-{}">{} {}</span>', colour, page.icon(icon), word
    )


def beside(parts: Iterable[object]) -> SafeString | str:
    """One beside the other."""
    rows = [(part,) for part in parts]
    if not rows:
        return NOTHING
    return format_html(
        '<span class="beside">{}</span>', format_html_join("", "<span>{}</span>", rows)
    )
