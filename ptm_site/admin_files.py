"""Pages that take a list away as CSV, and bring one in after a preview.

What a preview shows stays in the page, signed for its reader and for a quarter of an
hour. Nothing of it is kept on the server: a file in a temporary folder or a row in a
cache would be names and addresses that outlive whoever closes the page.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from tablib import Dataset
from unfold import widgets

from apps.csv_files import ROWS_AT_MOST, Columns, read_file
from apps.csv_imports import CHANGES_AT_MOST, agreed_of
from apps.csv_rows import SAME, WRONG, Line
from apps.errors import Refusal
from apps.formulas import BYTE_ORDER_MARK
from ptm_site.admin_pages import AdminForm, AdminPage

if TYPE_CHECKING:
    from ptm_site.admin import ScopedAdmin

GOOD_FOR = 15 * 60  # seconds
OUTDATED = "This preview is older than 15 minutes. Choose the file again."


class FileForm(AdminForm):
    file = forms.FileField(
        label="CSV file",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text=f"UTF-8, 1 MB and {ROWS_AT_MOST} lines at most, of which"
        f" {CHANGES_AT_MOST} are new or changed.",
    )


class ImportPage(AdminPage):
    slug, label, icon = "import", "Import members", "upload"
    submit = "Show preview"
    form_class = FileForm
    columns: ClassVar[Columns]
    template: ClassVar[str]  # of the preview
    counted: ClassVar[Mapping[Any, str]]  # what is said of each kind of line

    @abstractmethod
    def preview(self, rows: Dataset) -> Sequence[Line]:
        """Return what an import would do, and do nothing."""

    @abstractmethod
    def bring_in(self, rows: Dataset, agreed: list[str]) -> HttpResponse:
        """Do what was agreed to, and say so."""

    def respond(self) -> HttpResponse:
        form = self._form()
        if self.request.method == "POST" and "agreed" in self.request.POST:
            return self._agreed(form)
        if self.request.method != "POST" or not form.is_valid():
            return self._show(form)
        try:
            rows = read_file(form.cleaned_data["file"].read(), self.columns)
            return self._preview(rows)
        except Refusal as refusal:
            form.add_error("file", refusal.detail)
            return self._show(form)

    def _preview(self, rows: Dataset, refused: Refusal | None = None) -> HttpResponse:
        lines = self.preview(rows)
        wrong = [line for line in lines if line.kind == WRONG]
        begun = [line for line in lines if line.kind not in (WRONG, SAME)]
        found = Counter(line.kind for line in lines)
        context = {
            **self._context("Preview of the import"),
            "wrong": wrong,
            "begun": begun,
            "counts": [(found[kind], said) for kind, said in self.counted.items()],
            "refused": refused,
            "again": self.request.path,
            "agreed": "" if wrong or not begun else self._sign(rows, lines),
        }
        status = refused.status if refused else 422 if wrong else 200
        return self.show_unkept(self.template, context, status)

    def _sign(self, rows: Dataset, lines: Sequence[Line]) -> str:
        seen = {"rows": list(rows), "agreed": agreed_of(lines)}
        return signing.dumps(seen, salt=self._salt(), compress=True)

    def _salt(self) -> str:
        """Nobody sends what another person was shown, or another page."""
        return f"{self.admin.opts.label_lower}:{self.reader.pk}"

    @sensitive_variables()
    def _agreed(self, form: AdminForm) -> HttpResponse:
        try:
            seen = signing.loads(
                self.request.POST["agreed"], salt=self._salt(), max_age=GOOD_FOR
            )
        except signing.BadSignature:
            form.errors.clear()
            form.add_error("file", OUTDATED)
            return self._show(form)
        rows = self.columns.dataset(seen["rows"])
        try:
            return self.bring_in(rows, seen["agreed"])
        except Refusal as refusal:
            return self._preview(rows, refused=refusal)

    def show_unkept(
        self, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        response = render(self.request, template, context, status=status)
        response["Cache-Control"] = "no-store"
        return response


class ExportPage(AdminPage):
    slug, label, icon = "export", "Export members", "download"
    filename: ClassVar[str]

    @abstractmethod
    def text_of(self, listed: Any) -> str:
        """Return as CSV what the list shows."""

    def respond(self) -> HttpResponse:
        """What the list shows with its filters, all pages, as CSV."""
        if self.request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found = self.admin.get_changelist_instance(self.request).queryset
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{self.filename}"'
        response["Cache-Control"] = "no-store"
        if self.request.method == "GET":
            response.write(BYTE_ORDER_MARK + self.text_of(found))
        return response

    @classmethod
    def list_button(cls, admin: "ScopedAdmin", request: HttpRequest) -> dict[str, Any]:
        """Takes the list's filters along."""
        button = cls.button(admin)
        query = request.GET.urlencode()
        return {**button, "path": f"{button['path']}?{query}"} if query else button
