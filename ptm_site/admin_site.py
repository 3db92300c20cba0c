"""The administration's door: who gets in, and which pages there are."""

from collections.abc import Callable
from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from unfold.sites import UnfoldAdminSite

from apps.collaborations import selectors
from apps.errors import Missing
from ptm_site.admin import ScopedAdmin

# Django's and unfold's own pages that nobody is given.
LEFT_OUT = (
    "autocomplete",
    "search",
    "password_change",
    "password_change_done",
    "view_on_site",
)


class AdministrationSite(UnfoldAdminSite):
    """Open to whoever manages something, and to data stewards for the audit."""

    index_title = "What needs attention"

    def has_permission(self, request: HttpRequest) -> bool:
        return _once(request, selectors.reads_audit)

    def administers(self, request: HttpRequest) -> bool:
        """Whether there is more here for the person than their part of the audit."""
        return _once(request, selectors.administers)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Whoever only reads the audit begins there."""
        if not self.administers(request):
            return HttpResponseRedirect(reverse("admin:audit_event_changelist"))
        return super().index(request, extra_context)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Sign-in is allauth's everywhere: slowed down, and silent about who exists."""
        if not request.user.is_authenticated:
            return secure_admin_login(super().login)(request, extra_context)
        if not self.has_permission(request):
            raise Missing
        return HttpResponseRedirect(reverse("admin:index"))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The menu is ours: what may be seen of each model is not asked for it."""
        return []

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        checked = super().admin_view(view, cacheable)

        def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Strangers were asked to sign in by LoginRequiredMiddleware.
            if not self.has_permission(request):
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


def _once(request: HttpRequest, question: Callable[[Any], bool]) -> bool:
    """Ask once a request: every list and template asks again."""
    asked = f"_ptm_{question.__name__}"
    if not hasattr(request, asked):
        setattr(request, asked, question(request.user))
    return bool(getattr(request, asked))
