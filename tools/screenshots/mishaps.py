"""Error pages that no address leads to: shown as they are met, or as they are made."""

from collections.abc import Callable, Mapping

from django.urls import reverse
from playwright.sync_api import Page, Route

from ptm_site.pages import incident_page

ADDRESS = "/incident/"


def show_incident(window: Page) -> None:
    """What follows an error of ours, which nobody can bring about from outside."""

    def answer(route: Route) -> None:
        made = incident_page("3f9c2a71")
        body = made.content.decode()
        route.fulfill(status=made.status_code, content_type="text/html", body=body)

    window.route(f"**{ADDRESS}", answer)
    window.goto(ADDRESS)


def show_outdated_form(window: Page) -> None:
    """A form is sent that was opened before a sign-in."""
    window.goto(reverse("account_logout"))
    window.context.clear_cookies(name="csrftoken")
    window.get_by_role("main").get_by_role("button").click()


# name: (how it comes up, its status)
MISHAPS: Mapping[str, tuple[Callable[[Page], None], int]] = {
    "incident": (show_incident, 500),
    "form-out-of-date": (show_outdated_form, 403),
}
