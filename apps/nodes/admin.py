from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, F, Prefetch, Q
from django.utils import timezone

from apps.accounts.models import User
from apps.collaborations.models import Collaboration, Participation
from apps.nodes.admin_pages import AddNode, GiveBackRuns, RevokeNode
from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.models import Enrolment, Node
from apps.nodes.templatetags.presence import presence
from apps.organizations.models import Organization
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import query_filter, scoped_filter


def administered_nodes(user: User) -> Any:
    """Those of one's own organizations and of the members of what one manages.

    `awaited` is whether that still goes on: nobody misses a node of what is archived.
    """
    own = Q(organization__in=Organization.objects.permitted_to(user, "manage_nodes"))
    managed = Participation.objects.administered_by(user)
    joined = Q(organization__in=managed.accepted().values("organization"))
    awaited = own | Q(organization__in=managed.going_on().values("organization"))
    return Node.objects.filter(own | joined).alias(
        awaited=ExpressionWrapper(awaited, BooleanField())
    )


def awaited(nodes: Any) -> Any:
    return nodes.in_use().filter(awaited=True)


def online(nodes: Any) -> Any:
    heard = nodes.in_use().filter(last_seen_at__gt=timezone.now() - ONLINE_WITHIN)
    return heard.exclude(left_at__gte=F("last_seen_at"))


def offline(nodes: Any) -> Any:
    return awaited(nodes).exclude(pk__in=online(nodes).order_by().values("pk"))


PRESENCE = {
    "online": ("Online", online),
    "offline": ("Offline", offline),
    "revoked": ("Revoked", lambda nodes: nodes.exclude(revoked_at=None)),
}


@admin.register(Node)
class NodeAdmin(ScopedAdmin):
    list_display = ("name_shown", "of", "presence", "held", "version", "runtime")
    list_select_related = ("organization",)
    list_filter = (
        query_filter("presence", "presence", PRESENCE),
        scoped_filter(
            "organization", "organization", Organization.objects.administered_by
        ),
    )
    search_fields = ("name", "organization__name")
    search_help_text = "A node or an organization"
    ordering = ("organization__name", "name")
    fields = (
        "name_shown",
        "of",
        "presence",
        "held",
        "releases",
        "version",
        "runtime",
        "capacity",
        "site_audit",
        "since",
    )
    readonly_fields = fields
    add_page = AddNode
    pages = (GiveBackRuns, RevokeNode)

    def permitted(self, user: User) -> Any:
        # A node may serve collaborations that are none of this person's business.
        enrolments = Enrolment.objects.filter(
            collaboration__in=Collaboration.objects.visible_to(user)
        )
        shown_enrolments = enrolments.select_related("collaboration").prefetch_related(
            "databases"
        )
        return (
            administered_nodes(user)
            .select_related("organization")
            .with_runs_held()
            .prefetch_related(Prefetch("enrolments", queryset=shown_enrolments))
        )

    @admin.display(description="name", ordering="name")
    def name_shown(self, node: Node) -> Any:
        return shown.words(node.name)

    @admin.display(description="organization", ordering="organization__name")
    def of(self, node: Node) -> Any:
        return shown.link(node.organization)

    @admin.display(description="presence", ordering="last_seen_at")
    def presence(self, node: Node) -> Any:
        return presence(node)

    @admin.display(description="runs held")
    def held(self, node: Any) -> Any:
        if not node.runs_held:
            return "No runs"
        text = shown.counted(node.runs_held, "run")
        return shown.list_link("tasks_run", text, node=node.pk, attention="held")

    @admin.display(description="releases")
    def releases(self, node: Node) -> Any:
        lines = []
        for enrolment in node.enrolments.all():
            labels = [f"{d.label} ({d.type})" for d in enrolment.databases.all()]
            what = ", ".join(labels) or "no database"
            lines.append(shown.words(f"{enrolment.collaboration}: {what}"))
        return shown.several(lines)

    @admin.display(description="runs at once")
    def capacity(self, node: Node) -> int:
        return node.concurrent_runs

    @admin.display(description="site’s audit")
    def site_audit(self, node: Node) -> Any:
        return shown.words(node.audit_head or "The node has not told its head")

    @admin.display(description="enrolled")
    def since(self, node: Node) -> Any:
        return shown.time(node.created_at)
