from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.organizations.models import Organization
from apps.results.models import Result
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import scoped_filter, since_filter
from ptm_site.templatetags.page import size


@admin.register(Result)
class ResultAdmin(ScopedAdmin):
    """What runs returned, to find; its content is read in the portal."""

    grows = True
    list_display = ("number", "task", "of", "bytes", "kind", "when")
    list_filter = (
        scoped_filter(
            "organization",
            "organization",
            Organization.objects.visible_to,
            "run__organization",
        ),
        scoped_filter(
            "collaboration",
            "collaboration",
            Collaboration.objects.visible_to,
            "run__task__collaboration",
        ),
        since_filter("created_at"),
    )
    search_fields = ("run__task__name",)
    search_help_text = "A task's name or a result's number"
    fields = ("number", "portal", "task", "of", "bytes", "kind", "digest", "when")
    readonly_fields = fields

    def permitted(self, user: User) -> QuerySet[Any]:
        return Result.objects.visible_to(user).select_related(
            "run__task", "run__organization"
        )

    @admin.display(description="result")
    def number(self, result: Result) -> str:
        return f"Result {result.pk}"

    @admin.display(description="task")
    def task(self, result: Result) -> Any:
        return shown.words(result.run.task.name)

    @admin.display(description="of")
    def of(self, result: Result) -> Any:
        return shown.words(result.run.organization.name)

    @admin.display(description="size")
    def bytes(self, result: Result) -> str:
        return size(result.size)

    @admin.display(description="type")
    def kind(self, result: Result) -> Any:
        return shown.words(result.media_type)

    @admin.display(description="SHA-256")
    def digest(self, result: Result) -> Any:
        return shown.code(result.sha256)

    @admin.display(description="stored")
    def when(self, result: Result) -> Any:
        return shown.time(result.created_at)

    @admin.display(description="in the portal")
    def portal(self, result: Result) -> Any:
        return shown.in_portal("result", result.pk, "Read or download it")
