"""The main job in a browser that runs no scripts."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import SITES, choose_algorithm, choose_sites, send, sign_in
from tools.rig.browser import Readers
from tools.screenshots.stage import Stage


@pytest.fixture
def page(readers: Readers) -> Iterator[Page]:
    context = readers.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_a_researcher_sends_a_task_and_downloads_its_results(
    page: Page, stage: Stage
) -> None:
    sign_in(page, stage)
    page.get_by_role("link", name="New task").first.click()
    choose_algorithm(page)
    page.get_by_role("button", name="Continue").nth(1).click()
    page.get_by_label("Function").select_option("Summary of columns")
    page.get_by_role("button", name="Continue").nth(1).click()
    choose_sites(page, SITES)
    page.get_by_role("button", name="JSON").click()
    arguments = page.get_by_label("Arguments")
    arguments.fill(json.dumps({"columns": ["age"], "group_by": "horTh"}))
    send(page, "Age by therapy")
    number = int(page.url.rstrip("/").rpartition("/")[2])
    stage.platform.api.wait_finished({"id": number, "status": "open"})
    page.reload()
    expect(page.get_by_role("heading", name="Finished at 3 sites")).to_be_visible()
    expect(page.get_by_role("table").first).to_contain_text("Combined")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)  # by scripts only
    with page.expect_download() as caught:
        page.get_by_role("link", name="Download all as zip").click()
    with zipfile.ZipFile(io.BytesIO(caught.value.path().read_bytes())) as archive:
        groups = json.loads(archive.read(archive.namelist()[0]))["group_by"]
    assert groups == "horTh"


def test_arguments_that_do_not_fit_are_told_and_kept(page: Page, stage: Stage) -> None:
    sign_in(page, stage)
    page.goto(f"/tasks/new/?version={stage.facts['version']}&function=summary")
    page.get_by_role("button", name="JSON").click()
    page.get_by_label("Arguments").fill('{"columns": "age"}')
    page.get_by_label("Name", exact=True).fill("Wrong")
    page.get_by_role("button", name="Send task").click()
    expect(page.get_by_role("alert")).to_contain_text("not sent")
    expect(page.get_by_label("Arguments")).to_have_value('{"columns": "age"}')
    expect(page.get_by_label("Name", exact=True)).to_have_value("Wrong")
