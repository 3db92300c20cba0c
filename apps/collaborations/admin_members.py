"""Members of collaborations as CSV in the administration: organizations."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.naming import TOLD_AN_HOUR
from apps.collaborations.importing import (
    export_participations,
    import_participations,
    preview_participations,
)
from apps.collaborations.member_rows import COLUMNS, Kind, PartyLine
from apps.collaborations.models import Collaboration
from apps.collaborations.selectors import MANAGE
from ptm_site.admin_files import ExportPage, ImportPage
from ptm_site.admin_shown import counted


class ImportOrganizations(ImportPage):
    on_start = False  # where the same words lead to the people of organizations
    columns = COLUMNS
    template = "admin/participations_preview.html"
    counted = {
        Kind.INVITATION: "new invitations",
        Kind.SENDING: "changed: who may send tasks",
        Kind.SAME: "unchanged",
        Kind.WRONG: "wrong",
    }
    introduction = (
        f"Columns: {', '.join(COLUMNS.names)}. An export has them; the first two are"
        " enough. Before anything is done you see what would be. An organization that"
        " does not take part is invited, unless its line has a state; its own admin"
        f" answers. Nobody is excluded. At most {TOLD_AN_HOUR} names an hour may be of"
        " organizations that you do not see."
    )

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return bool(Collaboration.objects.changeable_by(reader).exists())

    def preview(self, rows: Dataset) -> list[PartyLine]:
        return preview_participations(reader=self.reader, rows=rows)

    def bring_in(self, rows: Dataset, agreed: list[str]) -> HttpResponse:
        lines = import_participations(reader=self.reader, rows=rows, agreed=agreed)
        messages.success(self.request, _said(lines))
        return HttpResponseRedirect(self.after())


class ExportOrganizations(ExportPage):
    on_start = False
    filename = "collaboration-members.csv"

    @classmethod
    def open_to(cls, reader: User) -> bool:
        return bool(Collaboration.objects.permitted_to(reader, MANAGE).exists())

    def text_of(self, listed: Any) -> str:
        return export_participations(reader=self.reader, participations=listed)


def _said(lines: list[PartyLine]) -> str:
    found = Counter(line.kind for line in lines)
    invited = counted(found[Kind.INVITATION], "organization")
    return f"Imported: {invited} invited, {found[Kind.SENDING]} changed."
