"""The administration's door: who gets in, and which pages there are."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from unfold.sites import UnfoldAdminSite

from apps.collaborations.selectors import administers
from apps.errors import Missing
from ptm_site.admin import ScopedAdmin

ASKED = "_ptm_administers"
# Django's and unfold's own pages that nobody is given.
LEFT_OUT = (
    "autocomplete",
    "search",
    "password_change",
    "password_change_done",
    "view_on_site",
)


class AdministrationSite(UnfoldAdminSite):
    """Open to platform admins, and to admins of an organization or collaboration."""

    index_title = "What needs attention"

    def has_permission(self, request: HttpRequest) -> bool:
        """Ask once a request: every list and template asks again."""
        if not hasattr(request, ASKED):
            setattr(request, ASKED, administers(request.user))
        return bool(getattr(request, ASKED))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The menu is ours: what may be seen of each model is not asked for it."""
        return []

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        checked = super().admin_view(view, cacheable)

        def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Whoever is signed in and no admin finds nothing; strangers sign in first.
            if request.user.is_authenticated and not self.has_permission(request):
                raise Missing
            return cast(HttpResponse, checked(request, *args, **kwargs))

        return respond

    def register(
        self, model_or_iterable: Any, admin_class: Any = None, **options: Any
    ) -> None:
        """Take ours only: what packages register (tokens, addresses) stays hidden."""
        if admin_class is not None and issubclass(admin_class, ScopedAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern]:
        return [
            url
            for url in super().get_urls()
            if getattr(url, "name", None) not in LEFT_OUT
        ]

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: Any = None
    ) -> Any:
        return HttpResponseRedirect(reverse("admin:index"))
