"""Members as CSV in the administration: taken away, and brought in after a preview.

What a preview shows stays in the page, signed for its reader and for a quarter of an
hour. Nothing of it is kept on the server: a file in a temporary folder or a row in a
cache would be names and addresses that outlive whoever closes the page.
"""

from collections import Counter

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from tablib import Dataset
from unfold import widgets

from apps.errors import Refusal
from apps.formulas import BYTE_ORDER_MARK
from apps.organizations.admin_pages import OfOwnOrganizations
from apps.organizations.importing import (
    CHANGES_AT_MOST,
    Admitted,
    export_members,
    import_members,
    preview_members,
)
from apps.organizations.member_files import COLUMNS, ROWS_AT_MOST, dataset, read_members
from apps.organizations.member_rows import Kind, Line
from ptm_site.admin_pages import AdminForm
from ptm_site.admin_shown import counted

GOOD_FOR = 15 * 60  # seconds
COUNTED = {
    Kind.PERSON: "new accounts",
    Kind.MEMBER: "new members with an account",
    Kind.ROLE: "changed roles",
    Kind.SAME: "unchanged",
    Kind.WRONG: "wrong",
}
OUTDATED = "This preview is older than 15 minutes. Choose the file again."


class FileForm(AdminForm):
    file = forms.FileField(
        label="CSV file",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text=f"UTF-8, 1 MB and {ROWS_AT_MOST} people at most, of whom"
        f" {CHANGES_AT_MOST} are new or changed.",
    )


class ImportMembers(OfOwnOrganizations):
    slug, label, icon = "import", "Import members", "upload"
    submit = "Show preview"
    form_class = FileForm
    introduction = (
        f"Columns: {', '.join(COLUMNS)}. An export has them. Before anything is done"
        " you see what would be. Nobody is removed, and who is known keeps their name."
    )

    def respond(self) -> HttpResponse:
        form = self._form()
        if self.request.method == "POST" and "agreed" in self.request.POST:
            return self._agreed(form)
        if self.request.method != "POST" or not form.is_valid():
            return self._show(form)
        try:
            rows = read_members(form.cleaned_data["file"].read())
            return self._preview(rows)
        except Refusal as refusal:
            form.add_error("file", refusal.detail)
            return self._show(form)

    def _preview(self, rows: Dataset, refused: Refusal | None = None) -> HttpResponse:
        lines = preview_members(reader=self.reader, rows=rows)
        wrong = [line for line in lines if line.kind == Kind.WRONG]
        begun = [line for line in lines if line.kind not in (Kind.WRONG, Kind.SAME)]
        context = {
            **self._context("Preview of the import"),
            "wrong": wrong,
            "begun": begun,
            "counts": _counts(lines),
            "refused": refused,
            "again": self.request.path,
            "agreed": "" if wrong or not begun else self._sign(rows, lines),
        }
        status = refused.status if refused else 422 if wrong else 200
        where = "admin/members_preview.html"
        response = render(self.request, where, context, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def _sign(self, rows: Dataset, lines: list[Line]) -> str:
        seen = {"rows": list(rows), "agreed": [line.agreed for line in lines]}
        return signing.dumps(seen, salt=self._salt(), compress=True)

    def _salt(self) -> str:
        """Nobody sends what another person was shown."""
        return f"members:{self.reader.pk}"

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
        rows = dataset(seen["rows"])
        try:
            lines, admitted = import_members(
                reader=self.reader, rows=rows, agreed=seen["agreed"]
            )
        except Refusal as refusal:
            return self._preview(rows, refused=refusal)
        messages.success(self.request, _said(lines))
        if not admitted:
            return HttpResponseRedirect(self.after())
        return self._passwords(admitted)

    @sensitive_variables()
    def _passwords(self, admitted: list[Admitted]) -> HttpResponse:
        """Shown once, to be printed: a file of passwords would be kept."""
        context = {**self._context("First passwords"), "admitted": admitted}
        response = render(self.request, "admin/first_passwords.html", context)
        response["Cache-Control"] = "no-store"
        return response


class ExportMembers(OfOwnOrganizations):
    slug, label, icon = "export", "Export members", "download"

    def respond(self) -> HttpResponse:
        """What the list shows with its filters, all pages, as CSV."""
        if self.request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found = self.admin.get_changelist_instance(self.request).queryset
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="members.csv"'
        response["Cache-Control"] = "no-store"
        if self.request.method == "GET":
            text = export_members(reader=self.reader, memberships=found)
            response.write(BYTE_ORDER_MARK + text)
        return response


def export_address(request: HttpRequest) -> str:
    """The export of what the list shows."""
    where = reverse("admin:organizations_membership_export")
    query = request.GET.urlencode()
    return f"{where}?{query}" if query else where


def _counts(lines: list[Line]) -> list[tuple[int, str]]:
    found = Counter(line.kind for line in lines)
    return [(found[kind], heading) for kind, heading in COUNTED.items()]


def _said(lines: list[Line]) -> str:
    found = Counter(line.kind for line in lines)
    given = counted(found[Kind.MEMBER] + found[Kind.PERSON], "role")
    return f"Imported: {given} given, {found[Kind.ROLE]} changed."
