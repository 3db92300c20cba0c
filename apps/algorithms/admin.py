from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.algorithms.admin_pages import (
    AllowImage,
    AllowVersion,
    DisallowVersion,
    RegisterVersion,
    ReinstateVersion,
    WithdrawVersion,
)
from apps.algorithms.choices import VersionStatus
from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import choice_filter, scoped_filter

STATES = {
    VersionStatus.ACTIVE: ("green", "check", "Active"),
    VersionStatus.WITHDRAWN: ("grey-outline", "ban", "Withdrawn"),
}


@admin.register(AlgorithmVersion)
class VersionAdmin(ScopedAdmin):
    list_display = ("algorithm_shown", "tag_shown", "digest_short", "state", "allowed")
    list_select_related = ("algorithm",)
    list_filter = (
        choice_filter("state", "status", VersionStatus.choices),
        scoped_filter(
            "collaboration",
            "collaboration",
            Collaboration.objects.visible_to,
            "collaborations",
        ),
    )
    search_fields = ("algorithm__name", "algorithm__repository", "tag", "digest")
    search_help_text = "A name, an image or a digest"
    ordering = ("algorithm__name", "-id")
    fields = (
        "algorithm_shown",
        "image_shown",
        "tag_shown",
        "state",
        "allowed",
        "functions",
        "since",
        "manifest_shown",
    )
    readonly_fields = fields
    add_page = RegisterVersion
    list_pages = (AllowImage,)
    pages = (AllowVersion, DisallowVersion, WithdrawVersion, ReinstateVersion)

    def permitted(self, user: User) -> QuerySet[Any]:
        return (
            AlgorithmVersion.objects.visible_to(user)
            .select_related("algorithm")
            .allowed_before(user)
        )

    @admin.display(description="algorithm", ordering="algorithm__name")
    def algorithm_shown(self, version: AlgorithmVersion) -> Any:
        return shown.words(version.algorithm.name)

    @admin.display(description="image")
    def image_shown(self, version: AlgorithmVersion) -> Any:
        return shown.code(version.image)

    @admin.display(description="tag", ordering="tag")
    def tag_shown(self, version: AlgorithmVersion) -> Any:
        return shown.code(version.tag)

    @admin.display(description="digest")
    def digest_short(self, version: AlgorithmVersion) -> Any:
        return shown.code(version.digest.removeprefix("sha256:")[:12])

    @admin.display(description="state", ordering="status")
    def state(self, version: AlgorithmVersion) -> Any:
        return shown.badge(STATES[VersionStatus(version.status)])

    @admin.display(description="allowed in")
    def allowed(self, version: AlgorithmVersion) -> Any:
        found = list(version.collaborations.all())
        return shown.several(shown.link(c) for c in found) if found else "Nowhere yet"

    @admin.display(description="functions")
    def functions(self, version: AlgorithmVersion) -> Any:
        return shown.several(
            shown.words(f"{f['name']} ({f['type']}): {f.get('description', '')}")
            for f in version.manifest["functions"]
        )

    @admin.display(description="registered")
    def since(self, version: AlgorithmVersion) -> Any:
        return shown.time(version.created_at)

    @admin.display(description="manifest")
    def manifest_shown(self, version: AlgorithmVersion) -> Any:
        return shown.as_json(version.manifest)
