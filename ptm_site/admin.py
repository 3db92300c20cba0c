"""The base of everything that the administration shows.

Nothing is saved by Django's own forms. A list and a detail page only read; whatever
changes is a `ServicePage`, which calls a service.
"""

from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin

from apps.accounts.models import User
from apps.errors import Missing
from ptm_site.admin_lists import KeysetChangeList
from ptm_site.admin_pages import AdminPage
from ptm_site.pages import reader_of
from ptm_site.paging import id_from

LEFT_OUT_OF_MODELS = ("delete", "history")


class ScopedAdmin(ModelAdmin):
    """Shows what `permitted` gives to the reader, and changes nothing by itself."""

    actions = None
    list_per_page = 50
    show_facets = ShowFacets.NEVER
    # Lists of tables that grow are read by id, never counted.
    grows: ClassVar[bool] = False
    add_page: ClassVar[type[AdminPage] | None] = None
    list_pages: ClassVar[tuple[type[AdminPage], ...]] = ()
    pages: ClassVar[tuple[type[AdminPage], ...]] = ()

    def permitted(self, user: User) -> Any:
        """The rows that the person may see here: none, unless a subclass says so."""
        return self.model._default_manager.none()

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = self.permitted(reader_of(request))
        return rows.order_by(*self.get_ordering(request) or ("-pk",))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Answer for a foreign object exactly as for one that does not exist."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Missing
        return found

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        """What may be seen of it is `permitted`'s to say."""
        return bool(self.admin_site.administers(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_page is not None and self.add_page.open_to(reader_of(request))

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Filter by the filters only: any other lookup could guess hidden columns."""
        filters = self.get_list_filter(request)
        return lookup in {getattr(shown, "parameter_name", None) for shown in filters}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        changelist = super().get_changelist(request, **kwargs)
        return KeysetChangeList if self.grows else changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> Any:
        """A number is an id; anything else is looked for in `search_fields`."""
        named, many = super().get_search_results(request, queryset, search_term)
        pk = id_from(search_term.strip())
        if self.search_fields and pk is not None:
            named |= queryset.filter(pk=pk)
        return named, many

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        left_out = {f"{name}_{page}" for page in LEFT_OUT_OF_MODELS}
        urls = [url for url in super().get_urls() if url.name not in left_out]
        return [
            *(self._list_url(page, f"{name}_{page.slug}") for page in self.list_pages),
            *(self._page_url(page, f"{name}_{page.slug}") for page in self.pages),
            *urls,
        ]

    def _list_url(self, page: type[AdminPage], name: str) -> Any:
        def view(request: HttpRequest) -> HttpResponseBase:
            return self._open_page(page, request)

        return path(f"{page.slug}/", self.admin_site.admin_view(view), name=name)

    def _page_url(self, page: type[AdminPage], name: str) -> Any:
        def view(request: HttpRequest, pk: int) -> HttpResponseBase:
            target = page.targets(reader_of(request)).filter(pk=pk).first()
            if target is None:
                raise Missing
            return page(self, request, target).respond()

        address = f"<int:pk>/{page.slug}/"
        return path(address, self.admin_site.admin_view(view), name=name)

    def _open_page(
        self, page: type[AdminPage] | None, request: HttpRequest
    ) -> HttpResponseBase:
        if page is None or not page.open_to(reader_of(request)):
            raise Missing
        return page(self, request).respond()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> Any:
        return self._open_page(self.add_page, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        title = {"title": self.opts.verbose_name_plural.capitalize()}
        response = super().changelist_view(request, {**title, **(extra_context or {})})
        if context := getattr(response, "context_data", None):
            reader = reader_of(request)
            open_pages = [page for page in self.list_pages if page.open_to(reader)]
            buttons = [page.list_button(self, request) for page in open_pages]
            context["actions_list"] = buttons
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> Any:
        obj, reader = kwargs["obj"], reader_of(request)
        context["actions_detail"] = [
            page.button(self, obj)
            for page in self.pages
            if page.targets(reader).filter(pk=obj.pk).exists()
        ]
        context["title"] = self.opts.verbose_name.capitalize()
        return super().render_change_form(request, context, **kwargs)
