"""What people do in the portal, with or without scripts."""

from collections.abc import Sequence

from playwright.sync_api import Page, expect

from tools.rig.world import RESEARCHER
from tools.screenshots.stage import Stage

SITES = ("Site North", "Site East", "Site South")


def sign_in(page: Page, stage: Stage, name: str = RESEARCHER) -> None:
    page.goto("/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(stage.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{stage.url}/")


def choose_algorithm(page: Page, name: str = "summary") -> None:
    """By its name, which its version and digest follow."""
    algorithms = page.get_by_label("Algorithm")
    wanted = algorithms.get_by_role("option").filter(has_text=name)
    value = wanted.get_attribute("value")
    algorithms.select_option(value)


def choose_sites(page: Page, names: Sequence[str]) -> None:
    """These and no others; at first, every site is chosen that might answer."""
    boxes = page.get_by_role("group", name="Organizations").get_by_role("checkbox")
    expect(boxes).not_to_have_count(0)
    for box in boxes.all():
        label = box.evaluate("box => box.labels[0].innerText.trim()")
        box.set_checked(label in names)


def send(page: Page, name: str) -> None:
    """Send what has been composed; return on the page of the task."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Purpose").fill("Plan a trial")
    page.get_by_role("button", name="Send task").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
