"""Pages change while they are looked at: in every tab, within a second, or by asking.

The moment of an event is the end of the request that made it; that of a change is
written down in the page itself, by the same clock.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    BrowserContext,
    Locator,
    Page,
    WebSocketRoute,
    expect,
)

from tools.rig.browser import Readers
from tools.screenshots.stage import WEST, Stage

SOON = 1.0  # seconds from an event to what a tab shows
POLLING = 12_000  # milliseconds, about twice the pause between two questions
SOCKET = "**/ws/live/"
REFUSED = 4403
LOG_SECONDS = 4

# Makes `shown`, which resolves to the time at which the text was there, in seconds.
WATCH_FOR = """(text) => {
  window.shown = new Promise((resolve) => {
    const look = () => {
      if (document.body.innerText.includes(text)) resolve(Date.now() / 1000);
    };
    const changes = { childList: true, subtree: true, characterData: true };
    new MutationObserver(look).observe(document.body, changes);
  });
}"""

# Two hints, the second while the first is answered; resolves once both are shown.
HINT_TWICE = """() => new Promise((resolve) => {
  let missing = 2;
  const lanes = document.querySelector("#lanes");
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === lanes && --missing === 0) resolve();
  });
  lanes.dispatchEvent(new CustomEvent("live"));
  lanes.dispatchEvent(new CustomEvent("live"));
})"""


# A search and a hint at the same moment, or the other way round.
SEARCH_AND_HINT = """(order) => {
  document.querySelector("#id_q").value = "in the west";
  for (const [place, event] of order) htmx.trigger(place, event);
}"""
SEARCH = ("#task-filters", "change")
HINT = ("#tasks", "live")


@pytest.fixture
def context(readers: Readers) -> Iterator[BrowserContext]:
    context = readers.new_context("researcher")
    yield context
    context.close()


def waiting_task(stage: Stage) -> dict[str, Any]:
    """A task that nobody takes up: its only site is offline."""
    world = stage.platform.world
    return stage.platform.api.send_task(
        {
            "collaboration": world.collaboration,
            "organizations": [world.organizations[WEST]],
            "image": world.images[0],
            "function": "summary",
            "arguments": {"columns": ["age"]},
            "databases": [{"label": "default"}],
            "name": "Something to cancel",
        }
    )


def cancel(stage: Stage, task: dict[str, Any]) -> float:
    """Return the moment at which the server had done it."""
    api = stage.platform.api
    answer = api.session.post(f"{api.root}/tasks/{task['id']}/cancel/", timeout=10)
    answer.raise_for_status()
    return time.time()


def open_listening(context: BrowserContext, task: dict[str, Any]) -> Page:
    """A tab with the task's page, once the server has taken up what it listens to."""
    page = context.new_page()
    heard: list[Any] = []

    def hear(frame: Any) -> None:
        heard.append(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", hear))
    page.goto(f"/tasks/{task['id']}/")
    while not heard:
        page.wait_for_timeout(20)
    return page


def lane(page: Page, site: str) -> Locator:
    heading = page.get_by_role("heading", name=site, exact=True)
    return page.get_by_role("listitem").filter(has=heading)


def test_every_open_tab_changes_within_a_second(
    context: BrowserContext, readers: Readers, stage: Stage
) -> None:
    task = waiting_task(stage)
    contexts = (context, context, readers.context("north-admin"))
    tabs = [open_listening(each, task) for each in contexts]
    for tab in tabs:
        tab.evaluate(WATCH_FOR, "Cancelled")
    done = cancel(stage, task)
    delays = [tab.evaluate("window.shown") - done for tab in tabs]
    for tab in tabs:
        expect(lane(tab, WEST)).to_contain_text("Cancelled")
    print("seconds from event to tab:", *(f"{delay:.2f}" for delay in delays))
    assert max(delays) < SOON
    tabs[-1].close()


def test_a_finished_task_that_is_run_again_starts_anew_in_every_tab(
    context: BrowserContext, stage: Stage
) -> None:
    task = waiting_task(stage)
    cancel(stage, task)
    first, second = (open_listening(context, task) for _ in range(2))
    facts = second.get_by_role("region", name="What was asked")
    expect(facts).to_contain_text("Finished")
    first.get_by_role("button", name="Run again").click()
    expect(lane(second, WEST)).to_contain_text("Queued")
    expect(second.get_by_text("Earlier runs")).to_be_visible()
    expect(facts).to_contain_text("Deadline")
    cancel(stage, task)
    for tab in (first, second):
        expect(lane(tab, WEST)).to_contain_text("Cancelled")


def test_an_answer_that_comes_after_the_last_one_changes_nothing(
    context: BrowserContext, stage: Stage
) -> None:
    task = waiting_task(stage)
    page = context.new_page()
    page.route_web_socket(SOCKET, lambda socket: socket.close(code=REFUSED))
    page.goto(f"/tasks/{task['id']}/")
    expect(page.get_by_text("No live updates")).to_be_visible()
    expect(page.locator(".htmx-request")).to_have_count(0)
    cancel(stage, task)
    page.evaluate(HINT_TWICE)
    expect(lane(page, WEST)).to_contain_text("Cancelled")
    # How to take up an answer is looked up when it comes: not into the lanes, whole.
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.locator("#task-results")).to_have_count(1)


def test_a_log_grows_while_it_is_open_and_stays_open(
    context: BrowserContext, stage: Stage
) -> None:
    world = stage.platform.world
    task = stage.platform.api.send_task(
        {
            "collaboration": world.collaboration,
            "organizations": [world.organizations["Site North"]],
            "image": world.images[1],
            "function": "nonce",
            "arguments": {"seconds": LOG_SECONDS},
            "name": "Something that talks",
        }
    )
    page = open_listening(context, task)
    north = lane(page, "Site North")
    expect(north).to_contain_text("Running")
    north.locator("summary").click()
    log = north.get_by_role("region", name="Log of Site North")
    expect(log).to_contain_text("s to go")
    first = log.inner_text()
    expect(log).not_to_have_text(first)
    expect(north).to_contain_text("Completed")
    expect(log).to_contain_text("nothing to go")
    expect(log).not_to_contain_text("no log")


def test_a_page_whose_socket_is_refused_says_so_and_asks_instead(
    context: BrowserContext, stage: Stage
) -> None:
    task = waiting_task(stage)
    page = context.new_page()
    page.route_web_socket(SOCKET, lambda socket: socket.close(code=REFUSED))
    page.goto(f"/tasks/{task['id']}/")
    expect(page.get_by_role("status")).to_contain_text("No live updates")
    cancel(stage, task)
    expect(lane(page, WEST)).to_contain_text("Cancelled", timeout=POLLING)


def test_a_page_whose_socket_was_lost_finds_it_again(
    context: BrowserContext, stage: Stage
) -> None:
    task = waiting_task(stage)
    page = context.new_page()
    opened: list[WebSocketRoute] = []

    def lose_the_first(socket: WebSocketRoute) -> None:
        opened.append(socket)
        server = socket.connect_to_server()
        if len(opened) == 1:
            server.close()
            socket.close(code=1001)

    page.route_web_socket(SOCKET, lose_the_first)
    page.goto(f"/tasks/{task['id']}/")
    sign = page.locator("[data-live-sign]")
    expect(sign).to_contain_text("No live updates")
    expect(sign).to_be_hidden(timeout=POLLING)
    assert len(opened) == 2
    page.evaluate(WATCH_FOR, "Cancelled")
    done = cancel(stage, task)
    assert page.evaluate("window.shown") - done < SOON


@pytest.mark.parametrize(
    "order",
    [(SEARCH, HINT), (HINT, SEARCH), (HINT, SEARCH, HINT), (SEARCH, HINT, SEARCH)],
)
def test_a_list_shows_what_is_searched_for_though_it_is_brought_up_to_date(
    context: BrowserContext, order: tuple[tuple[str, str], ...]
) -> None:
    page = context.new_page()
    page.goto("/tasks/")
    rows = page.locator("#tasks tbody tr")
    expect(rows.filter(has_text="Patients of three sites")).not_to_have_count(0)
    page.evaluate(SEARCH_AND_HINT, order)
    expect(rows.filter(has_not_text="in the west")).to_have_count(0)
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(rows).not_to_have_count(0)
    assert rows.filter(has_not_text="in the west").count() == 0
