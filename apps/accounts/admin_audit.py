"""The audit, shown with the names of people: audit itself knows nobody."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery

from apps.accounts.models import User
from apps.audit.choices import ActorKind
from apps.audit.models import Event
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import choice_filter, since_filter


@admin.register(Event)
class EventAdmin(ScopedAdmin):
    """Who did what. For platform admins, to read."""

    grows = True
    list_display = ("what", "whom", "who", "when")
    list_filter = (
        choice_filter("actor", "actor_kind", ActorKind.choices),
        since_filter("at"),
    )
    search_fields = ("action",)
    search_help_text = "An action, such as node.revoked"
    fields = ("what", "whom", "who", "when", "particulars")
    readonly_fields = fields

    def permitted(self, user: User) -> QuerySet[Any]:
        if not user.is_superuser:
            return Event.objects.none()
        people = User.objects.filter(pk=OuterRef("actor_id"))
        return Event.objects.annotate(username=Subquery(people.values("username")[:1]))

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and request.user.is_superuser

    @admin.display(description="action")
    def what(self, event: Event) -> Any:
        return shown.code(event.action)

    @admin.display(description="of")
    def whom(self, event: Event) -> str:
        return f"{event.object_type.replace('_', ' ')} {event.object_id}"

    @admin.display(description="by")
    def who(self, event: Any) -> Any:
        if event.actor_kind == ActorKind.USER:
            return shown.words(event.username or f"person {event.actor_id}")
        return "the platform" if event.actor_id is None else f"node {event.actor_id}"

    @admin.display(description="at")
    def when(self, event: Event) -> Any:
        return shown.time(event.at)

    @admin.display(description="details")
    def particulars(self, event: Event) -> Any:
        return shown.as_json(event.details)
