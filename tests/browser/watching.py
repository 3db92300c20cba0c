"""What a page complains of while it is looked at, and what is wrong with its looks."""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tools.rig.browser import DESKTOP, PHONE, go_dark

REMEMBER_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  const { effectiveDirective, blockedURI, sample } = event;
  window.violations.push(`${effectiveDirective}: ${blockedURI} ${sample}`);
});
"""
# Whatever reaches beyond the right edge makes the whole page scroll sideways.
TOO_WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const wide = [...document.body.querySelectorAll("*")].filter(
    (e) => e.getBoundingClientRect().right > root.clientWidth + 1);
  return [`${root.scrollWidth} > ${root.clientWidth}`,
    ...wide.slice(0, 6).map((e) => e.cloneNode().outerHTML.slice(0, 160))];
}"""


# A request that a newer one replaces, or that becomes a download, is no fault.
ABORTED = "net::ERR_ABORTED"
TOLD_OF_ABORTED = ("htmx:sendAbort", "htmx:afterRequest")

# What a page says and the server had not sent.
MADE_BY_SCRIPTS = """(served) => {
  const said = (root) => [...root.querySelectorAll("h1, h2, h3, th, label, legend")]
    .map((element) => element.textContent.trim());
  const sent = said(new DOMParser().parseFromString(served, "text/html"));
  return said(document).filter((text) => !sent.includes(text));
}"""


# What passes is neither told by axe nor carried over here.
VIOLATIONS = """axe.run({ resultTypes: ["violations"] })
  .then((found) => found.violations)"""


class Watch:
    """Collects every complaint of a page, from its first request on."""

    def __init__(self, page: Page, url: str, allowed_status: int = 200) -> None:
        self.page = page
        self.own = urlsplit(url).netloc
        self.allowed = allowed_status
        self.found: list[str] = []
        page.add_init_script(REMEMBER_VIOLATIONS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("request", self._see)
        page.on("requestfailed", self._fail)
        page.on("response", self._receive)

    def begin_again(self, allowed_status: int) -> None:
        """Forget what was, and how it was looked at: another page comes up here."""
        self.allowed = allowed_status
        self.found.clear()
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(DESKTOP)

    def complaints(self) -> list[str]:
        return [*self.found, *self.page.evaluate("window.violations || []")]

    def _hear(self, message: ConsoleMessage) -> None:
        # An error page is told as an error too, and was asked for.
        expected = f"status of {self.allowed} " in message.text
        if message.text.startswith(TOLD_OF_ABORTED) or expected:
            return
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self.own:
            self.found.append(f"asked elsewhere: {request.url}")

    def _fail(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.found.append(f"failed: {request.url} {request.failure}")

    def _receive(self, response: Response) -> None:
        if response.status >= 400 and response.status != self.allowed:
            self.found.append(f"{response.status}: {response.url}")


class Axe:
    """axe-core with all its rules; evaluated, since pages let no script in."""

    def __init__(self, source: str) -> None:
        self.source = source

    def violations(self, page: Page) -> list[str]:
        if not page.evaluate("'axe' in window"):
            page.evaluate(self.source)
        found: list[dict[str, Any]] = page.evaluate(VIOLATIONS)
        return [
            f"{rule['id']}: {node['target']} {_why(node)}"
            for rule in found
            for node in rule["nodes"]
        ]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks) + f" {node['html'][:200]}"


def too_wide(page: Page) -> list[str]:
    """What makes the document wider than the window."""
    wide: list[str] = page.evaluate(TOO_WIDE)
    return wide


def made_by_scripts(page: Page, served: str) -> list[str]:
    """Headings and labels that somebody without scripts would miss."""
    missing: list[str] = page.evaluate(MADE_BY_SCRIPTS, served)
    return missing


# Of the page's ground: 0 is black, 255 white.
IS_DARK = """() => {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d");
  pixel.fillStyle = getComputedStyle(document.body).backgroundColor;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
  return (red + green + blue) / 3 < 60;
}"""


def wait_until_dark(page: Page) -> None:
    """The page's scripts hear of the reader's wish a moment later."""
    page.wait_for_function(IS_DARK)


def look_at(page: Page, axe: Axe) -> None:
    """At a desk in light and on a phone in dark: narrow enough, and readable by all."""
    assert [*too_wide(page), *axe.violations(page)] == []
    go_dark(page)
    page.set_viewport_size(PHONE)
    wait_until_dark(page)
    assert [*too_wide(page), *axe.violations(page)] == []
