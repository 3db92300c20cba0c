"""Columns that sites announce, on the page of a new task."""

import json
import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import SITES, choose_algorithm, choose_sites, sign_in
from tests.browser.watching import Axe, Watch, look_at
from tools.rig.browser import Readers
from tools.screenshots.stage import Stage

ANNOUNCE = """
import json
from apps.nodes.models import DatabaseRelease
told = json.loads({told!r})
for release in DatabaseRelease.objects.all():
    release.columns = told.get(release.enrolment.node.organization.name)
    release.save()
"""
AGE = {"name": "age", "type": "integer"}
SIZE = {"name": "tsize", "type": "number"}
LONG = {"name": "the_longest_name_" * 11, "type": "text"}


def announce(stage: Stage, **told: object) -> None:
    """As nodes do in their hello: North, East and South by these names."""
    by_site = {f"Site {name}": columns for name, columns in told.items()}
    script = ANNOUNCE.format(told=json.dumps(by_site))
    stage.platform.server.manage("shell", "-v0", "-c", script)


@pytest.fixture
def shared(stage: Stage) -> Iterator[None]:
    """North and East announce theirs, South does not."""
    announce(stage, North=[AGE, SIZE, LONG], East=[AGE, SIZE, LONG])
    yield
    announce(stage)


@pytest.fixture
def page(shared: None, readers: Readers) -> Iterator[Page]:
    with closing(readers.new_context()) as context:
        yield context.new_page()


def test_columns_are_offered_and_judged_while_one_types(
    page: Page, stage: Stage, axe: Axe
) -> None:
    watch = Watch(page, stage.url)
    sign_in(page, stage)
    page.goto("/tasks/new/")
    choose_algorithm(page)
    page.get_by_label("Function").select_option("Summary of columns")
    choose_sites(page, SITES)
    offer = page.locator("#new-columns")
    expect(offer).to_contain_text("3 columns at all 2 sites that announce columns")
    expect(offer).to_contain_text("Site South announces no columns")
    expect(page.locator("datalist#columns option")).to_have_count(3)
    expect(page.get_by_label("Group by")).to_have_attribute("list", "columns")

    columns = page.get_by_label("Columns", exact=True)
    columns.fill("age\nabsent")
    columns.blur()
    answers = page.locator("#new-answers")
    expect(answers.get_by_text("It has no column absent.")).to_have_count(2)
    expect(columns).to_have_value("age\nabsent")
    look_at(page, axe)

    # What sites announce meanwhile is taken up, and what was typed stays.
    announce(stage, North=[AGE, {"name": "absent", "type": "text"}])
    page.evaluate("htmx.trigger('#new-answers', 'live')")
    expect(offer).to_contain_text("2 columns at the one site that announces columns")
    expect(answers.get_by_text("It has no column")).to_have_count(0)
    expect(columns).to_have_value("age\nabsent")
    assert watch.complaints() == []

    columns.fill("age\nnowhere")
    page.get_by_label("Name", exact=True).fill("Nowhere")
    page.get_by_role("button", name="Send task").click()
    expect(page.get_by_role("alert")).to_contain_text("not sent")
    expect(columns).to_have_accessible_description(
        re.compile("Line 2: Site North has no column nowhere in default")
    )
    expect(columns).to_have_value("age\nnowhere")
    look_at(page, axe)


def test_without_scripts_it_is_said_at_the_field(
    shared: None, stage: Stage, readers: Readers
) -> None:
    with closing(readers.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        sign_in(page, stage)
        page.goto(f"/tasks/new/?version={stage.facts['version']}&function=summary")
        expect(page.locator("#new-columns")).to_contain_text("tsize")
        page.get_by_label("Columns", exact=True).fill("age\nabsent")
        page.get_by_label("Name", exact=True).fill("Absent")
        page.get_by_role("button", name="Send task").click()
        columns = page.get_by_label("Columns", exact=True)
        expect(columns).to_have_accessible_description(
            re.compile("Line 2: Site North has no column absent in default")
        )
        expect(columns).to_have_value("age\nabsent")
