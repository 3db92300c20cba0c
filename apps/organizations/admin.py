from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet

from apps.accounts.models import User
from apps.organizations.admin_members import ExportMembers, ImportMembers
from apps.organizations.admin_pages import (
    AdmitPerson,
    ChangeRole,
    CreateOrganization,
    EndMembership,
    GrantRole,
    RenameOrganization,
)
from apps.organizations.choices import Role
from apps.organizations.models import Membership, Organization
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import choice_filter, query_filter, scoped_filter


def own_organizations(user: User) -> QuerySet[Any]:
    return Organization.objects.permitted_to(user, "manage_members").order_by("name")


def without_admin(organizations: QuerySet[Any]) -> QuerySet[Any]:
    return organizations.exclude(memberships__role=Role.ADMIN)


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    list_display = ("name_shown", "nodes", "members", "collaborations")
    list_filter = (
        query_filter(
            "attention",
            "attention",
            {"no_admin": ("Without an admin", without_admin)},
        ),
    )
    search_fields = ("name",)
    search_help_text = "A name"
    ordering = ("name",)
    fields = ("name_shown", "nodes", "members", "collaborations", "since")
    readonly_fields = fields
    add_page = CreateOrganization
    pages = (RenameOrganization,)

    def permitted(self, user: User) -> Any:
        own = own_organizations(user).filter(pk=OuterRef("pk"))
        return (
            Organization.objects.administered_by(user)
            .annotate(is_own=Exists(own))
            .prefetch_related("nodes", "memberships", "participations")
        )

    @admin.display(description="name", ordering="name")
    def name_shown(self, organization: Organization) -> Any:
        return shown.words(organization.name)

    @admin.display(description="nodes")
    def nodes(self, organization: Any) -> Any:
        in_use = [n for n in organization.nodes.all() if n.revoked_at is None]
        online = sum(node.is_online for node in in_use)
        text = f"{online} of {len(in_use)} online" if in_use else "No node"
        return shown.list_link("nodes_node", text, organization=organization.pk)

    @admin.display(description="members")
    def members(self, organization: Any) -> Any:
        if not organization.is_own:
            return shown.NOTHING
        text = shown.counted(len(organization.memberships.all()), "person", "people")
        where = "organizations_membership"
        return shown.list_link(where, text, organization=organization.pk)

    @admin.display(description="collaborations")
    def collaborations(self, organization: Any) -> Any:
        if not organization.is_own:
            return shown.NOTHING
        text = shown.counted(
            sum(p.status == "accepted" for p in organization.participations.all()),
            "collaboration",
        )
        where = "collaborations_participation"
        return shown.list_link(where, text, organization=organization.pk)

    @admin.display(description="since")
    def since(self, organization: Organization) -> Any:
        return shown.time(organization.created_at)


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Who has which role where: people as an organization's admin sees them."""

    list_display = ("person", "name_shown", "role_shown", "of", "signed_in")
    list_select_related = ("user", "organization")
    list_filter = (
        choice_filter("role", "role", Role.choices),
        scoped_filter("organization", "organization", own_organizations),
    )
    search_fields = ("user__username", "user__first_name", "user__last_name")
    search_help_text = "A person's name"
    ordering = ("organization__name", "user__username")
    fields = ("person", "name_shown", "email", "role_shown", "of", "signed_in", "since")
    readonly_fields = fields
    add_page = GrantRole
    list_pages = (AdmitPerson, ImportMembers, ExportMembers)
    pages = (ChangeRole, EndMembership)

    def permitted(self, user: User) -> QuerySet[Any]:
        return Membership.objects.filter(
            organization__in=own_organizations(user)
        ).select_related("user", "organization")

    @admin.display(description="person", ordering="user__username")
    def person(self, membership: Membership) -> Any:
        return shown.words(membership.user.username)

    @admin.display(description="name", ordering="user__last_name")
    def name_shown(self, membership: Membership) -> Any:
        return shown.words(membership.user.get_full_name())

    @admin.display(description="email")
    def email(self, membership: Membership) -> Any:
        return shown.words(membership.user.email)

    @admin.display(description="role", ordering="role")
    def role_shown(self, membership: Membership) -> str:
        return Role(membership.role).label.capitalize()

    @admin.display(description="organization", ordering="organization__name")
    def of(self, membership: Membership) -> Any:
        return shown.link(membership.organization)

    @admin.display(description="last signed in", ordering="user__last_login")
    def signed_in(self, membership: Membership) -> Any:
        if not membership.user.is_active:
            return "Deactivated"
        at = membership.user.last_login
        return shown.time(at) if at else "Never"

    @admin.display(description="since")
    def since(self, membership: Membership) -> Any:
        return shown.time(membership.created_at)
