"""No door without a row, and no row without a door."""

from typing import Any

import pytest
from django.contrib import admin

from ptm_site.admin import ScopedAdmin
from ptm_site.admin_config import load_pages
from tests.rights.doors import SOCKETS, doors, doors_of, socket_doors
from tools.permissions.table import AREAS, rows_of

load_pages()


def told(areas: tuple[str, ...]) -> set[tuple[str, str]]:
    return {door for area in areas for row in rows_of(area) for door in doors_of(row)}


def test_every_door_of_http_has_a_row_and_every_row_a_door() -> None:
    rows = told(tuple(area for area in AREAS if area not in SOCKETS))
    assert sorted(doors() - rows) == [], "doors without a row in tests/rights/*.txt"
    assert sorted(rows - doors()) == [], "rows without a door"


def test_every_kind_of_hint_has_a_row_and_every_row_a_kind() -> None:
    assert told(SOCKETS) == socket_doors()


@pytest.mark.parametrize("of_model", admin.site._registry.values(), ids=str)
def test_a_model_in_the_administration_has_no_door_but_its_pages(of_model: Any) -> None:
    assert isinstance(of_model, ScopedAdmin)
    name = f"{of_model.opts.app_label}_{of_model.opts.model_name}"
    # What is no page of a service: EventAdmin.export, which has a row too.
    extra = {"export"} if name == "audit_event" else set()
    pages = extra | {page.slug for page in (*of_model.pages, *of_model.list_pages)}
    known = {f"{name}_{page}" for page in ("changelist", "add", "change", *pages)}
    assert {url.name for url in of_model.get_urls() if url.name} == known
    assert (of_model.actions, list(of_model.inlines)) == (None, [])
    assert (of_model.list_editable, of_model.autocomplete_fields) == ((), ())


def test_no_row_says_twice_what_another_says() -> None:
    names = [
        f"{m} {row.name}" for a in AREAS for row in rows_of(a) for m in row.methods
    ]
    assert len(names) == len(set(names))
