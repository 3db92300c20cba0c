"""Members as CSV in the administration: people with their roles."""

from collections import Counter

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_variables
from tablib import Dataset

from apps.organizations.admin_pages import OfOwnOrganizations
from apps.organizations.importing import (
    Admitted,
    export_members,
    import_members,
    preview_members,
)
from apps.organizations.member_rows import COLUMNS, Kind, MemberLine
from apps.organizations.models import Membership
from ptm_site.admin_files import ExportPage, ImportPage
from ptm_site.admin_shown import counted


class ImportMembers(OfOwnOrganizations, ImportPage):
    columns = COLUMNS
    template = "admin/members_preview.html"
    counted = {
        Kind.PERSON: "new accounts",
        Kind.MEMBER: "new members with an account",
        Kind.ROLE: "changed roles",
        Kind.SAME: "unchanged",
        Kind.WRONG: "wrong",
    }
    introduction = (
        f"Columns: {', '.join(COLUMNS.names)}. An export has them. Before anything is"
        " done you see what would be. Nobody is removed, and who is known keeps their"
        " name."
    )

    def preview(self, rows: Dataset) -> list[MemberLine]:
        return preview_members(reader=self.reader, rows=rows)

    @sensitive_variables()
    def bring_in(self, rows: Dataset, agreed: list[str]) -> HttpResponse:
        lines, admitted = import_members(reader=self.reader, rows=rows, agreed=agreed)
        messages.success(self.request, _said(lines))
        if not admitted:
            return HttpResponseRedirect(self.after())
        return self._passwords(admitted)

    @sensitive_variables()
    def _passwords(self, admitted: list[Admitted]) -> HttpResponse:
        """Shown once, to be printed: a file of passwords would be kept."""
        context = {**self._context("First passwords"), "admitted": admitted}
        return self.show_unkept("admin/first_passwords.html", context)


class ExportMembers(OfOwnOrganizations, ExportPage):
    filename = "members.csv"

    def text_of(self, listed: QuerySet[Membership]) -> str:
        return export_members(reader=self.reader, memberships=listed)


def _said(lines: list[MemberLine]) -> str:
    found = Counter(line.kind for line in lines)
    given = counted(found[Kind.MEMBER] + found[Kind.PERSON], "role")
    return f"Imported: {given} given, {found[Kind.ROLE]} changed."
