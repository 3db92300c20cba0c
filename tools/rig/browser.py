"""Chromium, as the tests and the screenshots drive it, and people signed in to it.

Its headless shell: the same engine, without the window and what belongs to it, which
take a third of the time that a page costs. Playwright's own browser is no other.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    sync_playwright,
)

from tools.rig.process import find_program

# The sandbox needs a user namespace, which root in a container may not have. No page
# stays long enough for its scripts to be worth optimizing. The rest keeps the browser
# from speaking to anybody but our own server.
ARGUMENTS = (
    "--no-sandbox",
    "--js-flags=--no-maglev,--no-turbofan",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 780}
STRANGER = ""
# Milliseconds for whatever is waited for: less than the 24 s after which a page asks
# without having been told.
PATIENCE = 20_000


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium-headless-shell"),
            args=list(ARGUMENTS),
        )
        try:
            yield browser
        finally:
            browser.close()


class Readers:
    """One signed-in context per person, made at its first use."""

    def __init__(
        self, browser: Browser, url: str, passwords: Mapping[str, str]
    ) -> None:
        self.browser = browser
        self.url = url
        self.passwords = passwords
        self._contexts: dict[str, BrowserContext] = {}

    def context(self, name: str) -> BrowserContext:
        if name not in self._contexts:
            self._contexts[name] = self.new_context(name)
        return self._contexts[name]

    def new_context(self, name: str = STRANGER, **options: Any) -> BrowserContext:
        """A window of its own, without motion so that pictures do not depend on it."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport=DESKTOP,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Amsterdam",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        if name:
            self.sign_in(context, name)
        return context

    def sign_in(self, context: BrowserContext, name: str) -> None:
        """By the form's own address, without drawing it."""
        address = "/accounts/login/"
        context.request.get(address)
        [token] = [c["value"] for c in context.cookies() if c["name"] == "csrftoken"]
        form: dict[str, str | float | bool] = {
            "csrfmiddlewaretoken": token,
            "login": name,
            "password": self.passwords[name],
        }
        answer = context.request.post(address, form=form, max_redirects=0)
        if answer.status != 302:
            raise RuntimeError(f"{name} could not sign in: {answer.status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for context in self._contexts.values():
            context.close()


def go_dark(page: Page) -> None:
    """As by the reader's system, which django-unfold asks when a page loads.

    A page that a form has led to would then send the form again: so it is told.
    """
    page.emulate_media(color_scheme="dark")
    if urlsplit(page.url).path.startswith("/admin/"):
        page.evaluate("document.documentElement.classList.add('dark')")
