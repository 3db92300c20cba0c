"""The audit in the administration: to read, to filter and to take away."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.choices import ActorKind
from apps.audit.export import by_id, json_lines
from apps.audit.models import Event
from apps.audit.selectors import known_actions
from apps.audit.services import record
from apps.results.streams import streamed
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import (
    choice_filter,
    listed_filter,
    object_filter,
    since_filter,
)
from ptm_site.audit_scope import events_for, people_named_to
from ptm_site.pages import reader_of
from ptm_site.paging import ID_DIGITS

EXPORT = "audit_event_export"


@admin.register(Event)
class EventAdmin(ScopedAdmin):
    """Who did what: each reader's own part of it."""

    grows = True
    list_display = ("what", "whom", "who", "change", "when")
    list_filter = (
        listed_filter("action", "action", known_actions),
        choice_filter("actor", "actor_kind", ActorKind.choices),
        since_filter("at"),
        object_filter("participation"),
        object_filter("collaboration"),
    )
    search_fields = ("request_id",)
    search_help_text = "The number of an object, or of a request"
    fields = (
        "what",
        "whom",
        "who",
        "when",
        "concerns",
        "particulars",
        "of_request",
        "came_from",
        "link_number",
        "link_hash",
    )
    readonly_fields = fields

    def permitted(self, user: User) -> QuerySet[Any]:
        people = people_named_to(user).filter(pk=OuterRef("actor_id"))
        named = Subquery(people.values("username")[:1])
        return events_for(user).annotate(username=named)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where people were is shown to platform admins only."""
        hidden = () if reader_of(request).is_superuser else ("came_from",)
        return [field for field in self.fields if field not in hidden]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> Any:
        """Whole numbers only: nothing here is looked for in the middle of a text."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(request_id=term)
        if term.isascii() and term.isdigit() and len(term) <= ID_DIGITS:
            wanted = Q(object_id=int(term))
        return queryset.filter(wanted), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.export))
        return [path("export/", view, name=EXPORT), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        if context := getattr(response, "context_data", None):
            query = request.GET.urlencode()
            where = reverse(f"admin:{EXPORT}") + (f"?{query}" if query else "")
            button = {"title": "Export", "icon": "download", "attrs": {}, "path": where}
            context["actions_list"] = [button]
        return response

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows with its filters, all pages, as JSON lines."""
        reader = reader_of(request)
        events = self.get_changelist_instance(request).queryset
        if request.method == "GET":
            _record_export(reader)
        response = streamed(request, _lines(events, addresses=reader.is_superuser))
        response["Content-Type"] = "application/x-ndjson"
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response

    @admin.display(description="action")
    def what(self, event: Event) -> Any:
        return shown.code(event.action)

    @admin.display(description="of")
    def whom(self, event: Event) -> str:
        kind = event.object_type.replace("_", " ")
        if event.object_id is None:
            return f"unknown {kind}"
        return f"{kind} {event.object_id}"

    @admin.display(description="by")
    def who(self, event: Any) -> Any:
        if event.actor_kind == ActorKind.USER:
            return shown.words(event.username or f"person {event.actor_id}")
        return "the platform" if event.actor_id is None else f"node {event.actor_id}"

    @admin.display(description="change")
    def change(self, event: Event) -> Any:
        before, after = event.details.get("before"), event.details.get("after")
        if not isinstance(before, dict) or not isinstance(after, dict):
            return shown.NOTHING
        return shown.several(
            shown.words(f"{name}: {_said(before.get(name))} → {_said(after[name])}")
            for name in after
        )

    @admin.display(description="at")
    def when(self, event: Event) -> Any:
        return shown.time(event.at)

    @admin.display(description="concerns")
    def concerns(self, event: Event) -> Any:
        of = (
            ("organization", event.organization_id),
            ("collaboration", event.collaboration_id),
        )
        return shown.several(f"{name} {pk}" for name, pk in of if pk is not None)

    @admin.display(description="details")
    def particulars(self, event: Event) -> Any:
        return shown.as_json(event.details)

    @admin.display(description="request")
    def of_request(self, event: Event) -> Any:
        return shown.code(event.request_id)

    @admin.display(description="from")
    def came_from(self, event: Event) -> Any:
        erased = "Erased" if event.address_digest else shown.NOTHING
        return shown.code(event.address) if event.address else erased

    @admin.display(description="number in the chain")
    def link_number(self, event: Event) -> str:
        return "Not numbered yet" if event.number is None else str(event.number)

    @admin.display(description="hash")
    def link_hash(self, event: Event) -> Any:
        return shown.code(event.hash)


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def _lines(events: QuerySet[Event], *, addresses: bool) -> Iterator[bytes]:
    for found in by_id(events):
        # The next piece may be asked for by another thread, or never.
        if not connection.in_atomic_block:
            connection.close()
        yield "".join(json_lines(found, addresses=addresses)).encode()


def _record_export(reader: User) -> None:
    record(
        actor=Actor.user(reader.pk),
        action="audit.exported",
        object_type="user",
        object_id=reader.pk,
    )
