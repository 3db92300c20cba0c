"""An admin's day: a new organization, its own admin, its consent, and its node."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.watching import Watch
from tools.rig.browser import Readers
from tools.rig.platform import SiteData
from tools.rig.world import MANAGER
from tools.screenshots.stage import Stage

SITE = "Site Far"
ADMIN = "far-admin"
ONLINE_SECONDS = 20


@pytest.fixture
def manager(readers: Readers) -> Page:
    return readers.context(MANAGER).new_page()


@pytest.fixture
def newcomer(readers: Readers) -> Iterator[BrowserContext]:
    """A window of the person who is about to get an account."""
    context = readers.new_context()
    yield context
    context.close()


def test_an_organization_joins_and_its_node_goes_online(
    manager: Page, newcomer: BrowserContext, readers: Readers, stage: Stage
) -> None:
    watch = Watch(manager, stage.url)
    manager.goto("/admin/")
    create_organization(manager)
    readers.passwords = {**readers.passwords, ADMIN: create_its_admin(manager)}
    invite(manager)
    assert watch.complaints() == []
    readers.sign_in(newcomer, ADMIN)
    page = newcomer.new_page()
    watch = Watch(page, stage.url)
    accept(page)
    stage.platform.world.codes[SITE] = enrolment_code(page)
    watch_the_node_come_online(page, stage)
    assert watch.complaints() == []


def create_organization(page: Page) -> None:
    menu = page.get_by_role("navigation")
    menu.get_by_role("link", name="Organizations").click()
    page.get_by_role("link", name="Create organization").click()
    page.get_by_label("Name").fill(SITE)
    page.get_by_role("button", name="Create organization").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(SITE)


def create_its_admin(page: Page) -> str:
    """Return the first password, which is shown once."""
    page.get_by_role("navigation").get_by_role("link", name="Memberships").click()
    page.get_by_role("link", name="Add new person").click()
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Organization").select_option(SITE)
    page.get_by_label("Role").select_option("Admin")
    page.get_by_role("button", name="Add new person").click()
    return page.locator("#secret").inner_text()


def invite(page: Page) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Participations").click()
    page.get_by_role("link", name="Invite an organization").click()
    page.get_by_label("Collaboration").select_option("Breast cancer")
    page.get_by_label("Organization").fill(SITE)
    page.get_by_role("button", name="Invite an organization").click()
    expect(page.get_by_role("main")).to_contain_text("is invited")


def accept(page: Page) -> None:
    """By the organization's own admin, in the portal."""
    page.goto("/")
    page.get_by_role("link", name="answer").first.click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("status")).to_contain_text(f"{SITE} takes part")


def enrolment_code(page: Page) -> str:
    page.goto("/admin/")
    page.get_by_role("navigation").get_by_role("link", name="Nodes").click()
    page.get_by_role("link", name="Issue enrolment code").click()
    page.get_by_role("button", name="Issue enrolment code").click()
    code = page.locator("#secret").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator(".copied")).to_have_count(1)
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("ptm-node init")
    assert code in command
    return code


def watch_the_node_come_online(page: Page, stage: Stage) -> None:
    page.goto("/collaborations/")
    page.get_by_role("link", name="Breast cancer").click()
    page.get_by_role("link", name=SITE, exact=True).click()
    nodes = page.get_by_role("region", name="Nodes")
    expect(nodes).not_to_contain_text("Online")
    loaded = page.evaluate("performance.timeOrigin")
    folder = stage.platform.folder / "sites" / "far"
    table = folder / "data" / "patients.csv"
    table.parent.mkdir(parents=True)
    table.write_text("age\n50\n")
    stage.platform.start_node(SiteData(SITE, folder, table))
    expect(nodes).to_contain_text("Online", timeout=ONLINE_SECONDS * 1000)
    expect(nodes).to_contain_text("default")  # the database that it releases
    assert page.evaluate("performance.timeOrigin") == loaded
