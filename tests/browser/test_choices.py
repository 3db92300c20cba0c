"""What is chosen on the page of a new task while it asks the sites again."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error, Locator, Page, Route, expect

from tests.browser.people import SITES, choose_sites, sign_in
from tools.screenshots.stage import WEST, Stage

ASKING = ".htmx-request"
CHOICE_FIRST = "box => { box.click(); htmx.trigger('#new-answers', 'live'); }"
CHOICE_LAST = "box => { htmx.trigger('#new-answers', 'live'); box.click(); }"
# The refresh is sent with the choice's answer, which settles a moment later.
CHOICE_AND_REFRESH_BEGUN = """box => new Promise((settled) => {
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "new-task") settled();
  });
  box.click();
  htmx.trigger("#new-answers", "live");
})"""


def ask_four_sites(page: Page, stage: Stage) -> Locator:
    """Return what they answer, when nothing is on its way any more."""
    sign_in(page, stage)
    page.goto(f"/tasks/new/?version={stage.facts['version']}&function=summary")
    choose_sites(page, [*SITES, WEST])
    answers = page.locator("#new-answers").get_by_role("listitem")
    expect(answers).to_have_count(len(SITES) + 1)
    expect(page.locator(ASKING)).to_have_count(0)
    return answers


@pytest.mark.parametrize("choice_comes", ["first", "last"])
def test_what_is_chosen_while_the_sites_are_asked_again_stays(
    page: Page, stage: Stage, choice_comes: str
) -> None:
    answers = ask_four_sites(page, stage)
    west = page.get_by_role("checkbox", name=WEST)
    # In one turn of the page's, so that no answer comes in between.
    west.evaluate(CHOICE_FIRST if choice_comes == "first" else CHOICE_LAST)
    expect(answers).to_have_count(len(SITES))
    expect(page.locator(ASKING)).to_have_count(0)
    expect(west).not_to_be_checked()
    assert page.get_by_role("checkbox", checked=True).count() == len(SITES)


def test_a_choice_stays_though_an_older_question_is_answered_after_it(
    page: Page, stage: Stage
) -> None:
    answers = ask_four_sites(page, stage)
    held: list[Route] = []

    def hold_the_refresh(route: Route) -> None:
        refreshes = route.request.headers.get("hx-trigger") == "new-answers"
        if refreshes and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/tasks/new/", hold_the_refresh)
    first, second = (page.get_by_role("checkbox", name=n) for n in (WEST, SITES[0]))
    first.evaluate(CHOICE_AND_REFRESH_BEGUN)
    second.uncheck()
    expect(answers).to_have_count(len(SITES) - 1)
    with suppress(Error):  # of a request that was given up
        held[0].continue_()
    if answer := held[0].request.response():
        answer.finished()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(first).not_to_be_checked()
    expect(second).not_to_be_checked()
    expect(answers).to_have_count(len(SITES) - 1)


def test_a_form_that_is_out_of_date_keeps_what_was_typed(
    page: Page, stage: Stage
) -> None:
    sign_in(page, stage)
    page.goto(f"/tasks/new/?version={stage.facts['version']}&function=summary")
    name = page.get_by_label("Name", exact=True)
    name.fill("Age and size")
    page.context.clear_cookies(name="sessionid")
    sign_in(page.context.new_page(), stage)  # which ends the form's token
    page.evaluate("htmx.trigger('#new-answers', 'live')")
    expect(page.get_by_text("This page is out of date")).to_be_visible()
    expect(name).to_have_value("Age and size")
