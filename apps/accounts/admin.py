from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from apps.accounts.admin_pages import (
    CreatePerson,
    DeactivatePerson,
    ReactivatePerson,
    RenewPassword,
)
from apps.accounts.models import User
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import choice_filter


@admin.register(User)
class PersonAdmin(ScopedAdmin):
    """People, for platform admins; an organization's admin has its memberships."""

    list_display = ("username_shown", "name_shown", "email_shown", "state", "seen")
    list_filter = (
        choice_filter("access", "active", [(True, "yes"), (False, "no")], "is_active"),
    )
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "A name or an address"
    ordering = ("username",)
    fields = ("username_shown", "name_shown", "email_shown", "state", "seen", "roles")
    readonly_fields = fields
    add_page = CreatePerson
    pages = (RenewPassword, DeactivatePerson, ReactivatePerson)

    def permitted(self, user: User) -> QuerySet[Any]:
        return User.objects.all() if user.is_superuser else User.objects.none()

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and request.user.is_superuser

    @admin.display(description="username", ordering="username")
    def username_shown(self, user: User) -> Any:
        return shown.words(user.username)

    @admin.display(description="name", ordering="last_name")
    def name_shown(self, user: User) -> Any:
        return shown.words(user.get_full_name())

    @admin.display(description="email")
    def email_shown(self, user: User) -> Any:
        return shown.words(user.email)

    @admin.display(description="state")
    def state(self, user: User) -> str:
        if not user.is_active:
            return "Deactivated"
        return "Platform admin" if user.is_superuser else "May sign in"

    @admin.display(description="last signed in", ordering="last_login")
    def seen(self, user: User) -> Any:
        return shown.time(user.last_login) if user.last_login else "Never"

    @admin.display(description="roles")
    def roles(self, user: User) -> Any:
        return shown.list_link(
            "organizations_membership", "Roles in organizations", q=user.username
        )
