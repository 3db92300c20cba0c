"""How many bytes a browser receives when it opens a page for the first time."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from benchmarks.figures import Figure
from tools.rig.platform import Platform
from tools.rig.world import RESEARCHER

AIM_KB = 350
# What a page fetches by itself: attribute by tag. Charts come later, if there are any.
FETCHED = {"script": "src", "link": "href", "img": "src", "use": "href"}


class Links(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get(FETCHED.get(tag, ""))
        if link:
            self.found.add(urljoin(self.address, link.partition("#")[0]))


def measure_weight(platform: Platform) -> list[Figure]:
    """Return the weight of the dashboard and of a task's page, with all they fetch."""
    url = platform.server.url
    newest = platform.api.get("tasks/").json()["results"][0]["id"]
    pages = {"dashboard": f"{url}/", "task": f"{url}/tasks/{newest}/"}
    with requests.Session() as session:
        _sign_in(session, platform)
        return [
            Figure(f"first load of the {name} page", _kb(session, page), "kB", AIM_KB)
            for name, page in pages.items()
        ]


def _sign_in(session: requests.Session, platform: Platform) -> None:
    address = f"{platform.server.url}/accounts/login/"
    session.get(address, timeout=10)
    form = {
        "login": RESEARCHER,
        "password": platform.world.passwords[RESEARCHER],
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
    }
    session.post(address, data=form, timeout=10).raise_for_status()


def _kb(session: requests.Session, page: str) -> float:
    links = Links(page)
    links.feed(session.get(page, timeout=10).text)
    return sum(_received(session, each) for each in {page, *links.found}) / 1000


def _received(session: requests.Session, address: str) -> int:
    """The bytes on the wire: requests asks for gzip, and the raw stream keeps it."""
    answer = session.get(address, stream=True, timeout=10)
    answer.raise_for_status()
    return len(answer.raw.read(decode_content=False))
