"""A researcher's day: choose, send, watch three sites finish, look, take it home."""

import io
import json
import re
import zipfile

from playwright.sync_api import Page, expect

from tests.browser.people import SITES, choose_algorithm, choose_sites, send, sign_in
from tests.browser.watching import Watch
from tools.screenshots.stage import Stage

COLUMNS = ("age", "tsize")
PATIENTS = 686
FINISHED_SECONDS = 30


def compose(page: Page) -> None:
    """Choose everything that a task needs, as far as it is not chosen already."""
    page.get_by_role("link", name="New task").first.click()
    page.get_by_label("Collaboration").select_option("Breast cancer")
    choose_algorithm(page)
    page.get_by_label("Function").select_option("Summary of columns")
    choose_sites(page, SITES)
    page.get_by_label("Columns").fill("\n".join(COLUMNS))


def test_a_researcher_sends_a_task_watches_it_and_takes_the_results(
    page: Page, stage: Stage
) -> None:
    watch = Watch(page, stage.url)
    sign_in(page, stage)
    compose(page)
    send(page, "Age and size")
    loads = page.evaluate("performance.timeOrigin")
    watch_three_sites_finish(page)
    look_at_table_and_chart(page)
    assert page.evaluate("performance.timeOrigin") == loads  # it was never reloaded
    check_archive(page)
    assert watch.complaints() == []


def watch_three_sites_finish(page: Page) -> None:
    heading = page.get_by_role("heading", name="Finished at 3 sites")
    expect(heading).to_be_visible(timeout=FINISHED_SECONDS * 1000)
    for site in SITES:
        lane = page.get_by_role("listitem").filter(
            has=page.get_by_role("heading", name=site)
        )
        expect(lane.get_by_text("Completed")).to_be_visible()
        expect(lane.get_by_role("link", name="Result")).to_be_visible()


def look_at_table_and_chart(page: Page) -> None:
    table = page.get_by_role("table").first
    combined = table.get_by_role("row").filter(has_text="Combined")
    expect(combined).to_have_count(len(COLUMNS))
    expect(combined.first).to_contain_text(str(PATIENTS))
    bars = page.locator(".chart-area svg .bars .point path")
    expect(bars).to_have_count((len(SITES) + 1) * len(COLUMNS))
    box = bars.first.bounding_box()
    assert box is not None
    assert box["height"] > 20


def check_archive(page: Page) -> None:
    """The zip holds what every site sent, byte for byte a summary of its own rows."""
    link = page.get_by_role("link", name="Download all as zip")
    expect(link).to_have_count(1)
    with page.expect_download() as caught:
        link.click()
    with zipfile.ZipFile(io.BytesIO(caught.value.path().read_bytes())) as archive:
        results = [json.loads(archive.read(name)) for name in archive.namelist()]
    assert sum(result["n"] for result in results) == PATIENTS
    assert [{*result["columns"]} for result in results] == [{*COLUMNS}] * len(SITES)


def test_a_mistake_is_told_at_its_field_and_keeps_what_was_typed(
    page: Page, stage: Stage
) -> None:
    sign_in(page, stage)
    compose(page)
    page.get_by_label("Purpose").fill("Plan a trial")
    page.get_by_role("button", name="Send task").click()
    name = page.get_by_label("Name", exact=True)
    expect(page.get_by_role("alert")).to_contain_text("not sent")
    expect(name).to_have_accessible_description(re.compile("Give the task a name"))
    expect(page.get_by_label("Columns")).to_have_value("\n".join(COLUMNS))
    expect(page.get_by_label("Purpose")).to_have_value("Plan a trial")
    chosen = [page.get_by_role("checkbox", name=site) for site in SITES]
    assert all(box.is_checked() for box in chosen)
    assert page.get_by_role("checkbox", checked=True).count() == len(SITES)
