"""Pages that no address leads to: error pages, and what follows a form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from playwright.sync_api import Page, Route

from ptm_site.pages import incident_page
from ptm_site.problems import fault_of
from tools.rig.world import MANAGER, RESEARCHER
from tools.screenshots.pages import NORTH
from tools.screenshots.rows import NEWCOMER

ADDRESS = "/incident/"
OF_PEOPLE = "admin:organizations_membership_import"
OF_SITES = "admin:collaborations_participation_import"
HEADINGS = "organization,username,first name,last name,email,role"
LONG = "w" * 120
GOOD = (
    f"Site North,colleague,Zoë,{LONG},zoe@example.org,viewer",
    "Site North,guest,,,,researcher",
)
WRONG = (f"Site North,b o b,{LONG},,not-an-address,emperor", "Nowhere,zoe,,,,viewer")


@dataclass(frozen=True)
class Reached:
    """How a page comes up in the reader's window, and with which status."""

    show: Callable[[Page], None]
    reader: str = RESEARCHER
    status: int = 200


def show_incident(window: Page) -> None:
    """What follows an error of ours, which nobody can bring about from outside."""

    def answer(route: Route) -> None:
        made = incident_page("3f9c2a71", fault_of(None))
        body = made.content.decode()
        route.fulfill(status=made.status_code, content_type="text/html", body=body)

    window.route(f"**{ADDRESS}", answer)
    window.goto(ADDRESS)


def show_outdated_form(window: Page) -> None:
    """A form is sent that was opened before a sign-in."""
    window.goto(reverse("account_logout"))
    window.context.clear_cookies(name="csrftoken")
    window.get_by_role("main").get_by_role("button").click()


def show_preview(window: Page) -> None:
    _choose_file(window, OF_PEOPLE, HEADINGS, *GOOD)


def show_wrong_lines(window: Page) -> None:
    _choose_file(window, OF_PEOPLE, HEADINGS, *WRONG)


def show_sites_preview(window: Page) -> None:
    """Two that take part may send no tasks any more."""
    lines = (f"Breast cancer,{name},no" for name in ("Site North", "Site South"))
    _choose_file(
        window, OF_SITES, "collaboration,organization,may_create_tasks", *lines
    )


def show_first_passwords(window: Page) -> None:
    show_preview(window)
    _press(window, "Import")


def show_first_password(window: Page) -> None:
    window.goto(reverse("admin:accounts_user_changelist"))
    window.get_by_role("link", name=NEWCOMER, exact=True).click()
    window.get_by_role("link", name="New password").click()
    _press(window, "New password")


def show_enrolment_code(window: Page) -> None:
    window.goto(reverse("admin:nodes_node_add"))
    _press(window, "Issue enrolment code")


def _choose_file(window: Page, route: str, *lines: str) -> None:
    content = "\n".join(lines).encode()
    window.goto(reverse(route))
    window.get_by_label("CSV file").set_input_files(
        {"name": "members.csv", "mimeType": "text/csv", "buffer": content}
    )
    _press(window, "Show preview")


def _press(window: Page, button: str) -> None:
    """Send the form, and wait for what comes of it."""
    with window.expect_navigation():
        window.get_by_role("button", name=button, exact=True).click()


REACHED: Mapping[str, Reached] = {
    "incident": Reached(show_incident, status=500),
    "form-out-of-date": Reached(show_outdated_form, status=403),
    "admin-import-preview": Reached(show_preview, NORTH),
    "admin-import-wrong": Reached(show_wrong_lines, NORTH, 422),
    "admin-import-sites-preview": Reached(show_sites_preview, MANAGER),
    "admin-first-passwords": Reached(show_first_passwords, NORTH),
    "admin-first-password": Reached(show_first_password, MANAGER),
    "admin-code": Reached(show_enrolment_code, NORTH),
}
